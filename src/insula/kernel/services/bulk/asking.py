"""Asking: what is to be done to which rows, as a caller says it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.bulk.deeds import CREATE, DELETE, PURGE, RESTORE, UPDATE
from insula.kernel.resource.bulk.items import Item
from insula.kernel.resource.declaration import Command
from insula.kernel.services.bulk.models import BulkSource
from insula.kernel.services.bulk.sources import MOST_WHOLE

MOST_LISTED = 10_000
LONGEST_FILTER = 4096
FIRST, LAST = 1, 2**63
Rows = Annotated[
    list[dict[str, Any]] | None, Field(min_length=1, max_length=MOST_LISTED)
]
Ids = Annotated[list[UUID] | None, Field(min_length=1, max_length=MOST_LISTED)]
Filter = Annotated[
    str, Field(min_length=1, max_length=LONGEST_FILTER, examples=["state==open"])
]


class Where(Command):
    """The rows that a filter of the list selects."""

    filter: Filter

    @property
    def query(self) -> dict[str, str]:
        """The query of such a list."""
        return {"filter": self.filter}


class Change(Where):
    """What to set in the rows that a filter selects."""

    set: dict[str, Any]


class BulkAsk(Command):
    """What to do to many rows: one of these, and nothing else.

    ``create`` lists rows as for a single one, ``update`` the fields to change with each
    row's ``id`` and, if it matters, ``version``. ``purge`` deletes for good what is in
    the trash. An ``action`` is done to ``ids`` or to
    what ``where`` selects, with one ``command`` for all.
    """

    create: Rows = None
    update: Rows = None
    update_where: Change | None = None
    delete: Ids = None
    delete_where: Where | None = None
    restore: Ids = None
    purge: Ids = None
    action: str | None = None
    ids: Ids = None
    where: Where | None = None
    command: dict[str, Any] | None = None
    all_or_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, understood."""

    verb: str
    items: Sequence[Item] = ()
    query: dict[str, str] | None = None
    body: dict[str, Any] | None = None
    whole: bool = False
    source: BulkSource = field(init=False)

    def __post_init__(self) -> None:
        """Where the rows come from follows from how they were named."""
        listed = self.query is None
        source = BulkSource.listed if listed else BulkSource.selected
        object.__setattr__(self, "source", source)

    @property
    def command(self) -> dict[str, Any]:
        """What the run has to remember."""
        found = {"body": self.body, "query": self.query}
        return {name: it for name, it in found.items() if it is not None}


DEEDS = (
    "create",
    "update",
    "update_where",
    "delete",
    "delete_where",
    "restore",
    "purge",
)


def understood(ask: BulkAsk) -> Wanted:
    """What is to be done; raises ``Invalid``."""
    said = [name for name in (*DEEDS, "action") if getattr(ask, name) is not None]
    if len(said) != 1:
        words = Words(
            "Say one thing to do: {deeds}.", deeds=", ".join((*DEEDS, "action"))
        )
        raise Invalid(FieldError("body", "one_of", words))
    if said[0] != "action":
        _refuse_others(ask)
    wanted = _WANTED[said[0]](ask)
    if wanted.whole and (wanted.query or len(wanted.items) > MOST_WHOLE):
        words = Words(
            "All or nothing is for at most {most} listed rows.", most=MOST_WHOLE
        )
        raise Invalid(FieldError("all_or_nothing", "too_many", words))
    return wanted


def _refuse_others(ask: BulkAsk) -> None:
    wrong = [
        FieldError(name, "unknown", Words("This belongs to an action."))
        for name in ("ids", "where", "command")
        if getattr(ask, name) is not None
    ]
    if wrong:
        raise Invalid(*wrong)


def _created(ask: BulkAsk) -> Wanted:
    rows = enumerate(ask.create or ())
    items = [Item(number, body=_json(row)) for number, row in rows]
    return Wanted(CREATE, items, whole=ask.all_or_nothing)


def _updated(ask: BulkAsk) -> Wanted:
    items, faults = list[Item](), list[FieldError]()
    for number, row in enumerate(ask.update or ()):
        body = dict(row)
        key, version = body.pop("id", None), body.pop("version", None)
        row_id = parse_uuid(key) if isinstance(key, str) else None
        if row_id is None:
            faults.append(
                _fault(f"update.{number}.id", Words("Name the row by its id."))
            )
        if not _is_version(version):
            faults.append(
                _fault(f"update.{number}.version", Words("This is no version."))
            )
        items.append(Item(number, row_id, version, _json(body)))
    if faults:
        raise Invalid(*faults)
    _refuse_twice("update", [it.row_id for it in items])
    return Wanted(UPDATE, items, whole=ask.all_or_nothing)


def _changed(ask: BulkAsk) -> Wanted:
    assert ask.update_where is not None
    said = ask.update_where
    whole = ask.all_or_nothing
    return Wanted(UPDATE, query=said.query, body=said.set, whole=whole)


def _deleted(ask: BulkAsk) -> Wanted:
    return Wanted(DELETE, _items("delete", ask.delete), whole=ask.all_or_nothing)


def _emptied(ask: BulkAsk) -> Wanted:
    assert ask.delete_where is not None
    whole = ask.all_or_nothing
    return Wanted(DELETE, query=ask.delete_where.query, whole=whole)


def _restored(ask: BulkAsk) -> Wanted:
    return Wanted(RESTORE, _items("restore", ask.restore), whole=ask.all_or_nothing)


def _purged(ask: BulkAsk) -> Wanted:
    return Wanted(PURGE, _items("purge", ask.purge), whole=ask.all_or_nothing)


def _acted(ask: BulkAsk) -> Wanted:
    if (ask.ids is None) == (ask.where is None):
        raise Invalid(_fault("ids", Words("Name the rows, by `ids` or by `where`.")))
    chosen = None if ask.where is None else ask.where.query
    items = () if ask.ids is None else _items("ids", ask.ids)
    command, whole = ask.command or {}, ask.all_or_nothing
    return Wanted(str(ask.action), items, chosen, command, whole=whole)


_WANTED = {
    "create": _created,
    "update": _updated,
    "update_where": _changed,
    "delete": _deleted,
    "delete_where": _emptied,
    "restore": _restored,
    "purge": _purged,
    "action": _acted,
}


def _items(name: str, ids: Iterable[UUID] | None) -> list[Item]:
    found = list(ids or ())
    _refuse_twice(name, found)
    return [Item(number, row_id) for number, row_id in enumerate(found)]


def _refuse_twice(name: str, ids: Sequence[UUID | None]) -> None:
    """Of a row that is named twice nobody could say how it was before."""
    if len(set(ids)) != len(ids):
        raise Invalid(_fault(name, Words("A row is named twice.")))


def _is_version(version: object) -> bool:
    if version is None:
        return True
    return type(version) is int and FIRST <= version < LAST


def _fault(name: str, words: Words) -> FieldError:
    return FieldError(name, "invalid", words)


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(row).encode()  # it takes integers of any size
