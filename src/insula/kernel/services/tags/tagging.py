"""Tagging: rows of one resource get and lose tags."""

from collections.abc import Collection, Sequence
from uuid import UUID

from insula.kernel.foundation.errors import Conflict, FieldError, Invalid
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.reaching import Reaching
from insula.kernel.resource.statements import Deed
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.tags.models import Tag
from insula.kernel.services.tags.statements import (
    CROWDED,
    FOLDED,
    NAMED,
    OF_ROW,
    Choosing,
    retagging,
)

MOST_OF_A_ROW = 50


class TooManyTags(Conflict):
    """A row has at most {limit} tags."""

    code = "tags.too_many"


class Tagger:
    """What gives and takes tags of one resource's rows."""

    def __init__(self, api: ResourceApi) -> None:
        resource = api.resource
        self.api, self.name = api, resource.name
        self.reaching = Reaching(api.writer)
        self.choosing = Choosing(resource.table.name)
        self._retag = retagging(
            Deed(f"{self.name}.tag", resource.type, f"{resource.type}.tagged")
        )

    async def of_row(self, work: WorkContext, key: UUID) -> dict[UUID, str]:
        """The tags of a row: their ids and names, as they are sorted."""
        rows = await work.transaction.fetch(OF_ROW, self.name, key)
        return {row["id"]: row["name"] for row in rows}

    async def retag(
        self,
        work: WorkContext,
        rows: Sequence[UUID],
        given: Collection[UUID],
        taken: Collection[UUID],
    ) -> int:
        """Give these rows tags and take others; how many rows are changed by it."""
        entries = [uuid7() for _ in rows]
        tags = list(given), [it for it in taken if it not in given]
        told = work.now, rows, entries, self.name, *tags, *work.origin
        (answer,) = await work.transaction.fetch(self._retag, *told)
        crowd = rows, MOST_OF_A_ROW
        if given and await work.transaction.fetch(CROWDED, self.name, *crowd):
            raise TooManyTags(limit=MOST_OF_A_ROW)
        return int(answer["rows"])


async def known(work: WorkContext, names: Sequence[str]) -> list[UUID]:
    """The tags of these names, as far as there are such."""
    rows = await work.transaction.fetch(NAMED, names) if names else ()
    return [row["id"] for row in rows]


async def known_or_new(work: WorkContext, names: Sequence[str]) -> list[UUID]:
    """The tags of these names; who may add to the vocabulary does so by using it.

    Raises ``Invalid`` for others.
    """
    found = await work.transaction.fetch(NAMED, names) if names else ()
    if len(found) >= len({name.lower() for name in names}):
        return [row["id"] for row in found]
    there = {row["key"] for row in found}
    folded = await work.transaction.fetch(FOLDED, names)
    missing = {row["key"]: row["name"] for row in folded if row["key"] not in there}
    if missing and not work.actor.may("tags.create"):
        words = Words("There is no tag '{name}'.", name=next(iter(missing.values())))
        raise Invalid(FieldError("tags", "not_found", words))
    if missing:  # somebody else may be making the same
        await work.add_missing([Tag(name=name) for name in missing.values()])
    return await known(work, names)
