"""Contacts: people of the portal, apart from the staff from the first table on."""

from pathlib import Path

from insula.kernel.access.operation import Operation
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.identity.one_time import OneTimeTokens
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine
from insula.kernel.services.contacts.operations import ContactOperations, PortalDoor
from insula.kernel.services.contacts.passwords import PortalPasswords
from insula.kernel.services.contacts.resource import contacts
from insula.kernel.services.pages.addresses import Origins

service = App(
    name="contacts",
    title="Contacts",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(contacts,),
)


def contact_operations(
    engine: Engine,
    identity: Identity,
    tokens: OneTimeTokens,
    sealer: Sealer,
    origins: Origins,
) -> tuple[Operation, ...]:
    """What the resource does not offer by itself."""
    passwords = PortalPasswords(engine, identity, tokens, sealer, origins)
    staff = ContactOperations(engine, identity, passwords)
    return *PortalDoor(identity, passwords).operations(), *staff.operations()
