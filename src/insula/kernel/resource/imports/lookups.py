"""Lookups: how a row of a file says which row of another resource it means."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.database.session import HOME, Statement
from insula.kernel.foundation.errors import Denied
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.shape import Facet
from insula.kernel.resource.statements import LIVE, Numbers

Find = Callable[[str], ResourceApi]
"""Finds ``app.resources`` among all registered; raises ``LookupError``."""
AMBIGUOUS = None
"""What a text means that several rows have."""
Found = Mapping[str, UUID | None]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A resource that is referred to, and the fields by which its rows are known."""

    api: ResourceApi
    facets: tuple[Facet, ...]


def lookup_by(
    ctx: Context, find: Find, facet: Facet, named: str | None, field: str
) -> Lookup:
    """References by one field, unique or the title; raises ``LookupError``, ``Denied``.

    ``named`` is the resource, if the caller says it.
    """
    referenced = (facet.field.target or "").replace("_", ".", 1)
    if named not in (None, referenced):
        words = Words(
            "'{name}' does not refer to {target}.", name=facet.name, target=named
        )
        raise LookupError(words)
    try:
        api = find(referenced)
    except LookupError:
        words = Words("'{name}' refers to no resource.", name=facet.name)
        raise LookupError(words) from None
    if ctx.actor.reach(f"{referenced}.read") is None:
        raise Denied
    known = {it.name: it for it in telling(ctx, api)}
    if field not in known:
        words = Words(
            "'{name}' is no unique field of {target}.", name=field, target=referenced
        )
        raise LookupError(words)
    return Lookup(api, (known[field],))


def lookup_of(ctx: Context, find: Find, facet: Facet) -> Lookup | None:
    """References by whatever tells the other rows apart, where that can be looked at."""
    if facet.field.target is None:
        return None
    referenced = facet.field.target.replace("_", ".", 1)
    try:
        api = find(referenced)
    except LookupError:
        return None
    if ctx.actor.reach(f"{referenced}.read") is None:
        return None
    facets = telling(ctx, api)
    return Lookup(api, facets) if facets else None


def unique_fields(api: ResourceApi) -> tuple[str, ...]:
    """The fields of which no two rows of a tenant have the same value."""
    found = [
        index.columns[1].name
        for index in sorted(api.resource.table.indexes, key=lambda it: str(it.name))
        if index.unique
        and len(index.columns) == 2
        and index.columns[0].name == "tenant_id"
    ]
    return tuple(dict.fromkeys(found))


def telling(ctx: Context, api: ResourceApi) -> tuple[Facet, ...]:
    """The fields by which people know a row, as far as this actor sees them."""
    hidden = api.writer.masking.of(ctx.actor).hide
    readable = {it.name: it for it in api.shape.readable if it.name not in hidden}
    wanted = dict.fromkeys((*unique_fields(api), api.resource.title or ""))
    return tuple(readable[name] for name in wanted if name in readable)


class Finder:
    """Finds the rows that a batch refers to, in one query for each field."""

    def __init__(self, ctx: Context, lookup: Lookup) -> None:
        scoping = lookup.api.writer.scoping
        scope = scoping.of(ctx.actor, "read")
        self._args = () if scope is None else scope.args
        reach = Reach.all if scope is None else scope.reach
        within = partial(scoping.sql, reach=reach)
        self._asked = [
            (TypeAdapter[Any](facet.annotation), _finding(lookup.api, facet, within))
            for facet in lookup.facets
        ]

    async def find(self, ctx: Context, texts: Iterable[str]) -> Found:
        """The ids by text; a text that means nothing is left out."""
        found: dict[str, UUID | None] = {}
        for adapter, statement in self._asked:
            left = [text for text in texts if text and text not in found]
            found.update(await self._ask(ctx, adapter, statement, left))
        return found

    async def _ask(
        self,
        ctx: Context,
        adapter: TypeAdapter[Any],
        statement: Statement,
        texts: Iterable[str],
    ) -> dict[str, UUID | None]:
        wanted: dict[Any, list[str]] = {}
        for text in texts:
            try:
                wanted.setdefault(adapter.validate_strings(text), []).append(text)
            except ValidationError:
                continue
        if not wanted:
            return {}
        async with ctx.session.transaction() as transaction:
            rows = await transaction.fetch(statement, list(wanted), *self._args)
        return {
            text: row_id if many == 1 else AMBIGUOUS
            for value, many, row_id in rows
            for text in wanted[value]
        }


def _finding(
    api: ResourceApi, facet: Facet, within: Callable[[Numbers], str]
) -> Statement:
    """The ids by one field. Arguments: its values, then those of ``within``."""
    numbers, name = Numbers(), facet.name
    values = numbers.next(f"{facet.cast}[]")
    live = LIVE if api.shape.trashable else ""
    return Statement(
        f"SELECT c.{name} AS value, count(*) AS many, (array_agg(c.id))[1] AS id"  # noqa: S608  # our names
        f" FROM {HOME}.{api.resource.table.name} c WHERE c.tenant_id = $1::uuid"
        f" AND c.{name} = ANY({values}){live}{within(numbers)} GROUP BY c.{name}"
    )
