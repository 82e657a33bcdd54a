"""Custom fields in files: which columns are theirs."""

from collections.abc import Mapping
from typing import Any

from insula.kernel.access.context import Context
from insula.kernel.resource.custom.fields import CUSTOM, AddedFields
from insula.kernel.resource.imports.columns import plain
from insula.kernel.resource.writing import Writer


async def learn(ctx: Context, writer: Writer) -> AddedFields | None:
    """The fields that the tenant added, where it may; what follows may not wait."""
    return None if writer.custom is None else await writer.custom.of(ctx)


def names_of_added(ctx: Context, writer: Writer) -> dict[str, str]:
    """By what a column may be called: the target that it is for."""
    if writer.custom is None or CUSTOM in writer.masking.of(ctx.actor).freeze:
        return {}
    added = writer.custom.known(ctx).active.values()
    called = {plain(it): field.name for field in added for it in _labels(field)}
    return {**called, **{plain(field.name): field.name for field in added}}


def _labels(field: Any) -> tuple[str, ...]:
    return field.label, *field.labels.values(), field.key


def merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row with some changed; those that become null are gone."""
    every = {**old, **changes}
    return {key: it for key, it in every.items() if it is not None}
