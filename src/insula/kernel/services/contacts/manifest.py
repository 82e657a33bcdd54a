"""Contacts: people of the portal, apart from the staff from the first table on."""

from collections.abc import Callable
from pathlib import Path

from insula.kernel.access.operation import Operation
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine
from insula.kernel.services.contacts.operations import ContactOperations, PortalDoor
from insula.kernel.services.contacts.passwords import PortalPasswords
from insula.kernel.services.contacts.portal import PortalInvited, PortalShut, reactions
from insula.kernel.services.contacts.resource import contacts


def contacts_service(
    passwords: Callable[[], PortalPasswords], identity: Callable[[], Identity]
) -> App:
    """The service; both are asked for when something has happened."""
    return App(
        name="contacts",
        title="Contacts",
        version="1.0.0",
        folder=Path(__file__).parent,
        always=True,
        resources=(contacts,),
        events=(PortalInvited, PortalShut),
        reactions=reactions(passwords, identity),
    )


def contact_operations(
    engine: Engine, identity: Identity, passwords: PortalPasswords
) -> tuple[Operation, ...]:
    """What the resource does not offer by itself."""
    staff = ContactOperations(engine, identity, passwords)
    return *PortalDoor(identity, passwords).operations(), *staff.operations()
