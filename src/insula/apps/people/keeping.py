"""Keeping handles: they follow the contacts' own fields, in the same transaction.

A handle is what an address belongs to somebody by: no two contacts have one. Contacts
carry the first e-mail address and telephone number as fields, because forms, files and
other apps want to write fields; ``follow_contacts`` has the handles follow, whoever
writes, and refuses what is another's. Nothing but it and ``identity.py`` writes handles.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, tuple_

from insula.sdk import (
    Context,
    FieldError,
    Invalid,
    Saved,
    Words,
    alter_rows,
    put_rows,
    remove_rows,
)

from .contacts import contacts
from .handles import Handle, HandleKind, HandleStatus
from .normal import normal_email, phone_key, plain_name, region_of

FIELDS = {"email": HandleKind.email, "phone": HandleKind.phone}
"""The fields of a contact that are its first handle of a kind."""
Key = tuple[HandleKind, str]
Refusals = dict[UUID, Invalid]


def norm_of(ctx: Context, kind: HandleKind, value: str) -> str:
    """By what a handle is told from others; raises ``ValueError`` for no address."""
    if kind is HandleKind.email:
        return normal_email(value)
    if kind is HandleKind.phone:
        return phone_key(value, region_of(ctx.tenant.zone))
    return plain_name(value)


@contacts.follow
async def follow_contacts(ctx: Context, saved: Sequence[Saved]) -> Refusals:
    """Have the handles follow what was written of contacts; refuses what is another's."""
    refused: Refusals = {}
    new = {it.id for it in saved if "created_at" in it.values}
    await _go_along(ctx, [it for it in saved if it.id not in new])
    for field, kind in FIELDS.items():
        said = {it.id: it.values[field] for it in saved if field in it.values}
        norms = {key: norm_of(ctx, kind, it) for key, it in said.items() if it}
        if old := [key for key in said if key not in new]:
            await _drop(ctx, kind, old, norms)
        rows = [_first(key, kind, said[key], norms[key]) for key in norms]
        for key in await _claim(ctx, kind, rows):
            refused[key] = taken(field)
    return refused


def taken(field: str) -> Invalid:
    """What is told where a handle is another contact's."""
    words = Words("The {field} field has already been taken.", field=field)
    return Invalid(FieldError(field, "taken", words))


async def _go_along(ctx: Context, changed: Sequence[Saved]) -> None:
    """Go to the trash with contacts, so that others may have the handles, and back."""
    moved = {
        it.id: it.values["deleted_at"] for it in changed if "deleted_at" in it.values
    }
    kept = Handle.status != HandleStatus.dropped
    for moment in set(moved.values()):
        theirs = Handle.contact_id.in_(
            [key for key, at in moved.items() if at == moment]
        )
        there: ColumnElement[bool] = Handle.deleted_at.is_(None)
        if moment is None:
            there = Handle.deleted_at.is_not(None)
        await alter_rows(ctx, Handle, {"deleted_at": moment}, theirs, there, kept)


async def _drop(
    ctx: Context, kind: HandleKind, ids: Sequence[UUID], norms: Mapping[UUID, str]
) -> None:
    """Take away what contacts had first until now, unless it stays."""
    first = Handle.kind == kind, Handle.is_primary.is_(True)
    pairs = list(norms.items())
    other = tuple_(Handle.contact_id, Handle.value_norm).not_in(pairs)
    theirs = Handle.contact_id.in_(ids), Handle.deleted_at.is_(None)
    await remove_rows(ctx, Handle, *first, *theirs, *([other] if pairs else []))


def _first(contact_id: UUID, kind: HandleKind, value: str, norm: str) -> Handle:
    return Handle(
        contact_id=contact_id,
        kind=kind,
        value_raw=value,
        value_norm=norm,
        is_primary=True,
    )


async def _claim(
    ctx: Context, kind: HandleKind, rows: Sequence[Handle]
) -> Sequence[UUID]:
    """Write the first handles of contacts; answers the contacts that cannot have them.

    In the order of what they say: two that claim the same wait for each other once.
    """
    ordered = sorted(rows, key=lambda it: it.value_norm)
    made = {it.id for it in await put_rows(ctx, ordered)}
    left = [it for it in ordered if it.id not in made]
    if not left:
        return []
    norms = {it.value_norm for it in left}
    same = Handle.kind == kind, Handle.value_norm.in_(norms)
    known = {it.value_norm: it for it in await ctx.select(Handle, *same)}
    mine = [it for it in left if _belongs(known.get(it.value_norm), it.contact_id)]
    if second := [known[it.value_norm].id for it in mine]:
        await alter_rows(ctx, Handle, {"is_primary": True}, Handle.id.in_(second))
    kept = {it.id for it in mine}
    return [it.contact_id for it in left if it.id not in kept]


def _belongs(handle: Handle | None, contact_id: UUID) -> bool:
    return handle is not None and handle.contact_id == contact_id
