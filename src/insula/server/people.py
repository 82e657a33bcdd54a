"""People beyond the staff of one tenant: its contacts, and who is staff in several."""

from typing import TYPE_CHECKING

from insula.kernel.access.operation import Operation
from insula.kernel.identity.one_time import OneTimeTokens
from insula.kernel.services.contacts.manifest import contact_operations
from insula.kernel.services.linking.members import Members
from insula.kernel.services.linking.operations import LinkingOperations
from insula.kernel.services.linking.switching import Switcher

if TYPE_CHECKING:
    from insula.server.platform import Platform


def people_operations(
    platform: "Platform", tokens: OneTimeTokens
) -> tuple[Operation, ...]:
    """What they can do, at the portal and between tenants."""
    switcher = Switcher(
        Members(platform.control),
        platform.directory,
        platform.open_session,
        platform.identity,
        tokens,
        platform.sealer,
    )
    return (
        *LinkingOperations(switcher).operations(),
        *contact_operations(
            platform.engine,
            platform.identity,
            platform.services.portal_passwords,
        ),
    )
