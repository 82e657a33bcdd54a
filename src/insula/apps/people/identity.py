"""Identity: which contact somebody is, and which handles lead there."""

from collections.abc import Sequence
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import tuple_

from insula.sdk import (
    AppCommand,
    Command,
    Conflict,
    Context,
    Event,
    FieldError,
    Invalid,
    StoredEvent,
    Words,
    alter_rows,
    refers_to_nothing,
)

from .contacts import Contact, contacts
from .handles import Handle, HandleKind, HandleStatus, handles
from .keeping import FIELDS, Key, norm_of, taken

MOST_HANDLES = 10
TRIES = 3
"""Somebody else may be first; whoever is first has committed when it is seen."""
FIELD_OF = {kind: name for name, kind in FIELDS.items()}


class HandleText(Command):
    """A handle as somebody says it."""

    kind: Annotated[HandleKind, Field(strict=False)]
    value: Annotated[str, Field(min_length=1, max_length=255)]


class ResolveContact(Command):
    """By what somebody is known, the surest first, and how a new contact is called."""

    handles: Annotated[list[HandleText], Field(min_length=1, max_length=MOST_HANDLES)]
    name: Annotated[str | None, Field(min_length=1, max_length=255)] = None
    source: Annotated[str | None, Field(min_length=1, max_length=64)] = None


class WhichHandle(Command):
    """One of the contact's handles."""

    handle_id: UUID


class Resolved(BaseModel):
    """Which contact it is."""

    id: UUID


class HandleBounced(Event):
    """What was sent to a handle did not arrive, or was not wanted."""

    name: ClassVar[str] = "people.handle.bounced"
    handle_id: UUID
    contact_id: UUID
    status: HandleStatus


class NotTheirs(Conflict):
    """This handle leads to another contact."""

    code = "people.handle_taken"


class FirstHandle(Conflict):
    """This handle comes first: make another one the first, or change the contact."""

    code = "people.handle_first"


@contacts.common_action("resolve")
async def resolve(ctx: Context, command: ResolveContact) -> Contact:
    """Find the contact that handles lead to, or make it: once, whoever asks at once."""
    said = _keys(ctx, command.handles)
    clash = Invalid()
    for _ in range(TRIES):
        if (found := await _holder(ctx, list(said))) is not None:
            return await _complete(ctx, await ctx.lock(Contact, found), said)
        try:
            async with ctx.transaction.part():
                return await _make(ctx, said, command)
        except Invalid as refused:
            clash = refused
    raise clash


async def resolve_for(ctx: Context, command: ResolveContact) -> Resolved:
    """The same for other apps."""
    return Resolved(id=(await resolve(ctx, command)).id)


RESOLVE = AppCommand(
    name="resolve",
    command=ResolveContact,
    run=resolve_for,
    permission="people.contacts.resolve",
)


def _keys(ctx: Context, said: Sequence[HandleText]) -> dict[Key, str]:
    """By what the handles are told from others, in their order; raises ``Invalid``."""
    found: dict[Key, str] = {}
    for at, handle in enumerate(said):
        try:
            key = handle.kind, norm_of(ctx, handle.kind, handle.value)
        except ValueError as error:
            words = error.args[0]
            raise Invalid(FieldError(f"handles.{at}.value", "invalid", words)) from None
        found.setdefault(key, handle.value.strip())
    if not all(norm for _, norm in found):
        words = Words("this says nothing")
        raise Invalid(FieldError("handles", "invalid", words))
    return found


async def _holder(ctx: Context, keys: Sequence[Key]) -> UUID | None:
    """The contact that the first of the handles leads to."""
    same = tuple_(Handle.kind, Handle.value_norm).in_(keys)
    known = {(it.kind, it.value_norm): it for it in await ctx.select(Handle, same)}
    return next((known[key].contact_id for key in keys if key in known), None)


async def _make(ctx: Context, said: dict[Key, str], command: ResolveContact) -> Contact:
    """A new contact with all of the handles; raises ``Invalid`` where one is taken."""
    name = command.name or next(iter(said.values()))
    contact = Contact(name=name, source=command.source)
    for (kind, norm), value in reversed(said.items()):
        if kind in FIELD_OF:
            mail = kind is HandleKind.email
            setattr(contact, FIELD_OF[kind], norm if mail else value)
    await ctx.add(contact)
    await ctx.flush()
    await _complete(ctx, contact, said)
    if await _holder(ctx, list(said)) != contact.id:
        raise taken("handles")
    return contact


async def _complete(ctx: Context, contact: Contact, said: dict[Key, str]) -> Contact:
    """Give a contact those of the handles that are nobody's."""
    keys = list(said)
    same = tuple_(Handle.kind, Handle.value_norm).in_(keys)
    known = {(it.kind, it.value_norm) for it in await ctx.select(Handle, same)}
    rows = [
        _second(contact.id, key, value)
        for key, value in sorted(said.items())
        if key not in known
    ]
    await ctx.add_missing(rows)
    return contact


def _second(contact_id: UUID, key: Key, value: str) -> Handle:
    kind, norm = key
    return Handle(contact_id=contact_id, kind=kind, value_raw=value, value_norm=norm)


@contacts.action("add-handle", raises=(NotTheirs,))
async def add_handle(ctx: Context, contact: Contact, command: HandleText) -> Handle:
    """Note another address, number or name by which a contact is known."""
    ((key, value),) = _keys(ctx, [command]).items()
    row = _second(contact.id, key, value)
    if not await ctx.add_missing([row]):
        raise NotTheirs
    return row


@contacts.action("make-first")
async def make_first(ctx: Context, contact: Contact, command: WhichHandle) -> Contact:
    """Have a contact reached by this handle rather than by others of its kind."""
    mine = Handle.id == command.handle_id, Handle.contact_id == contact.id
    found = await ctx.select(Handle, *mine)
    if not found:
        raise Invalid(refers_to_nothing("handle_id"))
    (handle,) = found
    kind, field = handle.kind, FIELD_OF.get(handle.kind)
    others = Handle.contact_id == contact.id, Handle.kind == kind
    await alter_rows(ctx, Handle, {"is_primary": False}, *others)
    if field is None:
        await alter_rows(ctx, Handle, {"is_primary": True}, Handle.id == handle.id)
    else:  # the handles follow the field
        mail = kind is HandleKind.email
        setattr(contact, field, handle.value_norm if mail else handle.value_raw)
    return contact


@handles.action("verify")
async def verify(ctx: Context, handle: Handle) -> Handle:
    """Note that a handle was proved to be theirs, and works."""
    handle.verified_at, handle.status = ctx.now, HandleStatus.ok
    return handle


@handles.action("drop", raises=(FirstHandle,))
async def drop(ctx: Context, handle: Handle) -> Handle:
    """Take a handle from a contact, so that another may have it."""
    if handle.is_primary and handle.kind in FIELD_OF:
        raise FirstHandle
    handle.status, handle.deleted_at = HandleStatus.dropped, ctx.now
    return handle


STATUS_OF = {"bounce": HandleStatus.bounced, "complaint": HandleStatus.complained}


async def on_suppressed(ctx: Context, event: StoredEvent) -> None:
    """An address to which the mail is not sent any more is known as such here."""
    status = STATUS_OF.get(str(event.data.get("reason")))
    if status is None:
        return
    norm = norm_of(ctx, HandleKind.email, str(event.data["address"]))
    same = Handle.kind == HandleKind.email, Handle.value_norm == norm
    for handle in await ctx.select(Handle, *same):
        handle.status = status
        its = {"handle_id": handle.id, "contact_id": handle.contact_id}
        ctx.emit(HandleBounced(**its, status=status))
