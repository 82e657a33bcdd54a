"""Exporting: a list with all of its pages, as somebody sees it, in one consistent state.

An export asks the list itself, page after page in one snapshot. Whatever holds for the
list, filters, sort, fields, masks, own and team rows, holds for the export, because it
is the list.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import IO, Any

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call
from insula.kernel.foundation.errors import BadRequest
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.custom.fields import CUSTOM, AddedField
from insula.kernel.resource.exports.sheets import Sheet, SheetFormat, new_sheet
from insula.kernel.resource.imports.lookups import Find

PAGE = "100"
"""Rows that are fetched together: the most that a list answers."""
ONE_GO, MOST_ROWS = 10_000, 1_000_000
"""Rows that are answered at once, and rows that a job writes."""
OWN = frozenset({"format", "bom"})
PAGING = frozenset({"cursor", "page", "per_page"})


class TooManyAtOnce(BadRequest):
    """There are more than {limit} rows: have them exported with POST /api/v1/exports."""

    code = "EXPORT_TOO_LARGE"


class ExportTooLarge(BadRequest):
    """There are more than {limit} rows: export them in parts, by a filter."""

    code = "EXPORT_TOO_LONG"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported: the list's own query, and as what."""

    format: SheetFormat = SheetFormat.csv
    query: Mapping[str, str] = field(default_factory=dict)
    bom: bool = False


class Exporter:
    """Exports one resource; ``find`` knows the others, for the titles of references."""

    def __init__(self, api: ResourceApi, find: Find) -> None:
        self.api, self._find = api, find

    async def write(
        self, ctx: Context, wanted: Wanted, target: IO[bytes], *, most: int
    ) -> int:
        """Write the rows, and answer how many; raises when there are more than ``most``."""
        async with ctx.session.snapshot() as session:
            view = _View(self.api, self._find, wanted)
            return await view.write(ctx.within(session), target, most)


class _View:
    """One export: what of each row becomes which column."""

    def __init__(self, api: ResourceApi, find: Find, wanted: Wanted) -> None:
        self._api, self._find, self._wanted = api, find, wanted
        facets = api.shape.facets
        self._added: tuple[AddedField, ...] = ()
        self._plain = wanted.format is SheetFormat.jsonl
        self._days = frozenset(
            name for name, facet in facets.items() if facet.cast == "date"
        )

    async def write(self, ctx: Context, target: IO[bytes], most: int) -> int:
        """All pages, one after the other."""
        query = {
            name: value
            for name, value in self._wanted.query.items()
            if name not in OWN | PAGING
        }
        query["per_page"] = PAGE
        if (custom := self._api.writer.custom) is not None:
            self._added = tuple((await custom.of(ctx)).active.values())
        sheet, count = None, 0
        while True:
            reply = await self._api.list(
                ctx, Call(self._api.resource.address, query=query)
            )
            rows = [self._row(it) for it in _rows(reply.data)]
            if sheet is None:
                sheet = self._sheet(ctx, target, rows)
            count += len(rows)
            if count > most:
                raise (
                    TooManyAtOnce(limit=most)
                    if most == ONE_GO
                    else ExportTooLarge(limit=most)
                )
            for row in rows:
                sheet.add(row)
            if reply.next_cursor is None:
                break
            query["cursor"] = reply.next_cursor
        sheet.close()
        return count

    def _sheet(
        self, ctx: Context, target: IO[bytes], rows: list[dict[str, Any]]
    ) -> Sheet:
        columns = list(rows[0]) if rows else self._shown(ctx)
        kind, bom = self._wanted.format, self._wanted.bom
        return new_sheet(kind, target, columns, bom=bom)

    def _shown(self, ctx: Context) -> list[str]:
        """The columns where no row tells them."""
        hidden = self._api.writer.masking.of(ctx.actor).hide
        every = [it.name for it in self._api.shape.readable if it.name not in hidden]
        fields = self._wanted.query.get("fields")
        if fields is None:
            return list(self._spread(every))
        asked = {"id", *fields.split(",")}
        return list(self._spread(name for name in every if name in asked))

    def _spread(self, names: Iterable[str]) -> Iterator[str]:
        """The columns of some fields: each custom field has one."""
        for name in names:
            if name == CUSTOM and self._api.resource.custom:
                yield from (it.name for it in self._added)
            else:
                yield name

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        """The columns of a row; of what is included its title."""
        if self._plain:
            return row
        row.pop("type", None)
        facets, found = self._api.shape.facets, dict[str, Any]()
        for name, value in row.items():
            if name not in facets:
                found.update(self._included(name, value))
            elif name == CUSTOM and self._api.resource.custom:
                found |= {it.name: _cell(value.get(it.key)) for it in self._added}
            elif name in self._days and value is not None:
                found[name] = date.fromisoformat(value)
            else:
                found[name] = value
        return found

    def _included(self, name: str, value: Any) -> dict[str, Any]:
        """What a row includes: the title of the one, the rows of the many as JSON."""
        if not isinstance(value, dict | None):
            return {name: value}
        facet = self._api.shape.facets.get(f"{name}_id")
        target = None if facet is None else facet.field.target
        if target is None:
            return {name: value}
        title = title_of(self._find(target.replace("_", ".", 1)))
        return {f"{name}.{title}": None if value is None else value.get(title)}


def title_of(api: ResourceApi) -> str:
    """The field by which people know a row: its title, or the first text of it."""
    if api.resource.title is not None:
        return api.resource.title
    texts = (it.name for it in api.shape.readable if it.cast == "varchar")
    return next(texts, "id")


def _cell(value: Any) -> Any:
    """A custom value as a file has it: several choices in one cell."""
    return ", ".join(value) if isinstance(value, list) else value


def _rows(data: bytes) -> list[dict[str, Any]]:
    return msgspec.json.decode(data, type=list[dict[str, Any]])
