"""Portal accounts of people whom an app keeps: both rows have one id.

An app decides who comes in; how they do is the service's. What apps ask for here is
written with their own rows, and the mail and the notice to other processes follow it.
"""

from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from insula.kernel.events.stored import StoredEvent
from insula.kernel.identity.signing_in import Identity
from insula.kernel.mail.address import key_of
from insula.kernel.resource.declaration import Event
from insula.kernel.resource.quiet import remove_rows
from insula.kernel.resource.tasks import Reaction
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.contacts.models import Contact, ContactSession
from insula.kernel.services.contacts.passwords import PortalPasswords
from insula.kernel.services.contacts.resource import sign_out


class PortalInvited(Event):
    """Somebody may come in: a mail is to say how."""

    name: ClassVar[str] = "contacts.portal.invited"
    contact_id: UUID


class PortalShut(Event):
    """Somebody does not come in any more."""

    name: ClassVar[str] = "contacts.portal.shut"
    contact_id: UUID


async def invite_to_portal(
    ctx: WorkContext, person_id: UUID, name: str, email: str
) -> None:
    """Give a person an account with this address, and have a mail sent there.

    Raises ``BadAddress``; an address that is another account's is refused as taken.
    """
    known, key = await ctx.select(Contact, Contact.id == person_id), key_of(email)
    if known:
        (account,) = await ctx.lock_rows(Contact, [person_id])
        account.name, account.disabled_at = name, None
        account.invited_at = ctx.now
        if account.email != key:
            account.email, account.verified_at = key, None
            await sign_out(ctx.transaction, account)
    else:
        account = Contact(name=name, email=key)
        account.id, account.invited_at = person_id, ctx.now
        await ctx.add(account)
    ctx.emit(PortalInvited(contact_id=person_id))


async def shut_portal(ctx: WorkContext, person_id: UUID) -> None:
    """End what a person has open at the portal, and let nobody in by that account."""
    for account in await ctx.lock_rows(Contact, [person_id]):
        account.disabled_at = account.disabled_at or ctx.now
        await sign_out(ctx.transaction, account)
        ctx.emit(PortalShut(contact_id=person_id))


async def leave_portal(ctx: WorkContext, person_id: UUID) -> None:
    """Remove a person's account without a trace: who was erased has none."""
    await remove_rows(ctx, ContactSession, ContactSession.contact_id == person_id)
    if await remove_rows(ctx, Contact, Contact.id == person_id):
        ctx.emit(PortalShut(contact_id=person_id))


def reactions(
    passwords: Callable[[], PortalPasswords], identity: Callable[[], Identity]
) -> tuple[Reaction, ...]:
    """What the service does about it afterwards."""

    async def write(ctx: WorkContext, event: StoredEvent) -> None:
        person_id = UUID(event.data["contact_id"])
        for account in await ctx.select(Contact, Contact.id == person_id):
            if account.disabled_at is None:
                await passwords().invite(ctx, account.id, account.email)

    async def tell(_: WorkContext, event: StoredEvent) -> None:
        identity().left(UUID(event.data["contact_id"]))

    return (
        Reaction(PortalInvited.name, write, "write"),
        Reaction(PortalShut.name, tell, "tell"),
    )
