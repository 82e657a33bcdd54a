"""The inbox: each user reads their own notifications, whatever their roles."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Parameter, Reply
from insula.kernel.database.pool import Record
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import BadRequest, NotFound
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.services.audit.noting import note
from insula.kernel.services.notifications.statements import (
    LOCK_ONE,
    PAGE,
    READ_ALL,
    READ_ONE,
    UNREAD,
)
from insula.kernel.services.notifications.views import (
    NotificationItem,
    NotificationView,
    ReadCount,
    ReadUntil,
    UsersAlone,
    own_id,
    schema_of,
)

PATH = "/api/v1/notifications"
USUAL_PAGE, LARGEST_PAGE = 20, 100
TRUTH = {None: None, "true": True, "false": False}
NUMBER = re.compile(r"[1-9]\d{0,2}", re.ASCII)

PARAMETERS = (
    Parameter("unread", "Only those that are unread, or read.", {"type": "boolean"}),
    Parameter("cursor", "From `links.next`."),
    Parameter(
        "per_page",
        "At most so many.",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE},
    ),
)


class BadPage(BadRequest):
    """The parameter {name} has a value that is not understood here."""

    code = "INVALID_QUERY"


class Page(NamedTuple):
    """Which part of the list is wanted."""

    cursor: UUID | None
    unread: bool | None
    size: int


def _page(query: Mapping[str, str]) -> Page:
    size, cursor = query.get("per_page", str(USUAL_PAGE)), query.get("cursor")
    behind = None if cursor is None else parse_uuid(cursor)
    if NUMBER.fullmatch(size) is None or int(size) > LARGEST_PAGE:
        raise BadPage(name="per_page")
    if cursor is not None and behind is None:
        raise BadPage(name="cursor")
    if query.get("unread") not in TRUTH:
        raise BadPage(name="unread")
    return Page(behind, TRUTH[query.get("unread")], int(size))


def _view(row: Record) -> bytes:
    return NotificationView(**dict(row)).model_dump_json().encode()


async def list_own(ctx: Context, call: Call) -> Reply:
    """The caller's own, the newest first; the meta data counts the unread."""
    user, page = own_id(ctx), _page(call.query)
    rows = await ctx.session.fetch(PAGE, user, *page[:2], page.size + 1)
    count = await ctx.session.fetch(UNREAD, user)
    shown = rows[: page.size]
    return Reply(
        b"[" + b",".join(map(_view, shown)) + b"]",
        next_cursor=str(shown[-1]["id"]) if len(rows) > page.size else None,
        per_page=page.size,
        meta={"unread": count[0]["unread"]},
    )


async def read_one(ctx: Context, call: Call) -> Reply:
    """Mark one as read; the first time counts."""
    user, key = own_id(ctx), parse_uuid(call.key)
    if key is None:
        raise NotFound
    async with ctx.session.transaction() as transaction:
        rows = await transaction.fetch(LOCK_ONE, user, key)
        if not rows:
            raise NotFound
        if rows[0]["read_at"] is None:
            rows = await transaction.fetch(READ_ONE, user, key, now())
        await note(transaction, ctx, "notifications.read", ("notification", key))
    return Reply(_view(rows[0]))


async def read_all(ctx: Context, call: Call) -> Reply:
    """Mark everything as read, up to what the caller has seen."""
    user = own_id(ctx)
    async with ctx.session.transaction() as transaction:
        rows = await transaction.fetch(READ_ALL, user, call.body.until, now())
        told: dict[str, Any] = {"read": rows[0]["read"]}
        await note(
            transaction, ctx, "notifications.read_all", ("notification", None), told
        )
    return Reply(msgspec.json.encode(told))


def _items() -> Mapping[str, Any]:
    return {"type": "array", "items": dict(schema_of(NotificationItem)())}


def inbox_operations() -> tuple[Operation, ...]:
    """Reading one's notifications."""
    return (
        Operation(
            name="notifications.list", method="GET", path=PATH, run=list_own,
            summary="List my notifications", writes=False, paged=True,
            answer=_items, parameters=PARAMETERS, errors=(BadPage, UsersAlone),
        ),
        Operation(
            name="notifications.read", method="POST", path=f"{PATH}/{{id}}/read",
            run=read_one, summary="Mark a notification as read",
            answer=schema_of(NotificationView), errors=(NotFound, UsersAlone),
        ),
        Operation(
            name="notifications.read_all", method="POST", path=f"{PATH}/read-all",
            run=read_all, summary="Mark my notifications as read", body=ReadUntil,
            answer=schema_of(ReadCount), errors=(UsersAlone,),
        ),
    )  # fmt: skip
