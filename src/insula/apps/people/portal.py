"""Portal: contacts who sign in themselves, at a door apart from the staff's."""

from typing import ClassVar
from uuid import UUID

from insula.sdk import (
    Conflict,
    Context,
    Event,
    StoredEvent,
    invite_to_portal,
    leave_portal,
    shut_portal,
)

from .contacts import Contact, contacts


class NoAddress(Conflict):
    """The contact has no e-mail address to write to."""

    code = "people.contact_without_email"


class ContactErased(Event):
    """A contact was erased: whoever keeps copies erases them too."""

    name: ClassVar[str] = "people.contact.erased"
    contact_id: UUID


@contacts.action("invite", raises=(NoAddress,))
async def invite(ctx: Context, contact: Contact) -> Contact:
    """Let a contact sign in to the portal: a mail says how."""
    if contact.email is None:
        raise NoAddress
    await invite_to_portal(ctx, contact.id, contact.name, contact.email)
    return contact


@contacts.action("shut-out")
async def shut_out(ctx: Context, contact: Contact) -> Contact:
    """Shut a contact out of the portal, at once."""
    await shut_portal(ctx, contact.id)
    return contact


async def on_deleted(ctx: Context, event: StoredEvent) -> None:
    """Whoever is in the trash does not sign in."""
    if event.resource_id is not None:
        await shut_portal(ctx, event.resource_id)


async def on_erased(ctx: Context, event: StoredEvent) -> None:
    """Whoever was erased has no account either."""
    if event.data["subject"] == Contact.__tablename__:
        contact_id = UUID(event.data["subject_id"])
        await leave_portal(ctx, contact_id)
        ctx.emit(ContactErased(contact_id=contact_id))
