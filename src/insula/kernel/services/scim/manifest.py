"""SCIM: a tenant's directory keeps its people here as they are there (RFC 7644)."""

from collections.abc import Callable
from pathlib import Path

from insula import __version__
from insula.kernel.access.operation import Operation
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine
from insula.kernel.services.scim.managing import Managing
from insula.kernel.services.scim.operations import scim_operations
from insula.kernel.services.scim.resources import groups, tokens, users
from insula.kernel.services.scim.tokens import ScimTokens

service = App(
    name="scim",
    title="Directory",
    version=__version__,
    folder=Path(__file__).parent,
    always=True,
    resources=(tokens, users, groups),
)


def scim(
    engine: Engine,
    identity: Identity,
    source: ScimTokens,
    announce: Callable[[str], None],
) -> tuple[Operation, ...]:
    """Everything that directories do, and those who let them in."""
    managing = Managing(engine, source.tokens, announce)
    return *managing.operations(), *scim_operations(engine, identity)
