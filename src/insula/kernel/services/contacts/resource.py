"""Contacts as the staff keep them: made, found, invited to the portal, shut out of it."""

from typing import Annotated

from pydantic import Field

from insula.kernel.database.session import Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.mail.address import BadAddress, key_of
from insula.kernel.resource.declaration import Command, Resource
from insula.kernel.resource.rules import Unique
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.contacts.models import Contact
from insula.kernel.services.contacts.sessions import END_ALL

contacts = Resource(
    Contact,
    kernel=True,
    filters=(Contact.email,),
    sort=(Contact.created_at, Contact.name),
    search=(Contact.name, Contact.email, Contact.phone),
    title=Contact.name,
    rules=(Unique(Contact.email),),
    hidden=(Contact.password,),
    # Its own operation knows two spellings of one address; the rest is told at once.
    without=("create", "delete", "disable", "change-email"),
)


class ChangeContactEmail(Command):
    """Another address, which the contact has to prove anew."""

    email: Annotated[str, Field(max_length=255, examples=["eve@shop.test"])]


async def sign_out(transaction: Transaction, contact: Contact) -> None:
    """End all of a contact's sign-ins."""
    await transaction.fetch(END_ALL, contact.id, now())


@contacts.action("disable")
async def disable(ctx: WorkContext, contact: Contact) -> Contact:
    """Shut a contact out of the portal, at once."""
    contact.disabled_at = contact.disabled_at or ctx.now
    await sign_out(ctx.transaction, contact)
    return contact


@contacts.action("enable")
async def enable(_: WorkContext, contact: Contact) -> Contact:
    """Let a contact sign in again."""
    contact.disabled_at = None
    return contact


@contacts.action("change-email", raises=(BadAddress,))
async def change_email(
    ctx: WorkContext, contact: Contact, command: ChangeContactEmail
) -> Contact:
    """Give a contact another address; their sign-ins end, it counts as unproved."""
    contact.email, contact.verified_at = key_of(command.email), None
    await sign_out(ctx.transaction, contact)
    return contact
