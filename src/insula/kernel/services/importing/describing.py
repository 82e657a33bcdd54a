"""Describing: what a file is, and which field each of its columns probably is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.imports.detecting import open_table
from insula.kernel.resource.imports.mapping import (
    Instructions,
    proposals,
    told_only,
)

LOOKED_AT, SAMPLES, LONGEST_SAMPLE = 50, 5, 200


@dataclass(frozen=True, slots=True)
class Description:
    """What was found out about a file by looking at its beginning."""

    kind: str
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    samples: Mapping[str, list[str]]
    """By column, some of what is in it."""


def describe(file: BinaryIO, said: Instructions | None = None) -> Description:
    """Look at a file; raises ``UnreadableFile``."""
    table = open_table(file, said)
    samples: dict[str, list[str]] = {name: [] for name in table.columns}
    for row in islice(table, LOOKED_AT):
        for name, cell in zip(table.columns, row.cells, strict=False):
            known, sample = samples[name], cell[:LONGEST_SAMPLE]
            if sample and sample not in known and len(known) < SAMPLES:
                known.append(sample)
    return Description(
        table.kind, table.encoding, table.delimiter, table.columns, samples
    )


def proposed(
    api: ResourceApi, names: Sequence[str], added: Mapping[str, str]
) -> dict[str, Any]:
    """Each column with the field that it probably is, or null, in their order."""
    found = proposals(api, names, added)
    return {"columns": [{"name": it, "field": found.get(it)} for it in names]}


def first_options(
    api: ResourceApi, names: Sequence[str], added: Mapping[str, str]
) -> dict[str, Any]:
    """The instructions to begin with: what is proposed, and the rest left out."""
    found = proposals(api, names, added)
    creatable = {*added.values(), *(facet.name for facet in api.shape.creatable)}
    by_field = {field: it for it, field in found.items() if field in creatable}
    taken = set(by_field.values())
    left = [it for it in names if it not in taken and not told_only(api, it)]
    return {"map": by_field, "skip": left}
