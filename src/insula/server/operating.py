"""The operators' side of a platform: who they are, how they come in, whom they support."""

from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.factors.backup_codes import BackupCodes
from insula.kernel.identity.operator_door import Challenges, OperatorGate
from insula.kernel.identity.operator_factors import OperatorFactors
from insula.kernel.identity.operators import Operators
from insula.kernel.operations.operator_door import OperatorDoor
from insula.kernel.operations.operators import OperatorOperations
from insula.kernel.services.support.manifest import Support

if TYPE_CHECKING:
    from insula.server.platform import Platform


class Operating:
    """All that is made for operators; they need a second factor unless settings say no."""

    def __init__(self, platform: "Platform") -> None:
        self._platform = platform
        self.required = platform.settings.operator_second_factor is not False

    @cached_property
    def operators(self) -> Operators:
        """All of them."""
        return Operators(self._platform.control)

    @cached_property
    def factors(self) -> OperatorFactors:
        """Their second factors."""
        it = self._platform
        issuer = f"Insula {it.settings.base_domain}"
        return OperatorFactors(it.control, it.sealer, BackupCodes(it.key), issuer)

    @cached_property
    def challenges(self) -> Challenges:
        """What stands between a password and a code."""
        return Challenges(self._platform.sealer)

    @cached_property
    def gate(self) -> OperatorGate:
        """Stops whoever comes with a password alone."""
        return OperatorGate(self.challenges, required=self.required)

    @cached_property
    def support(self) -> Support:
        """How they come into a tenant."""
        it = self._platform
        return Support(it.key, it.control, lambda: it.engine, self._inside)

    async def _inside(self, tenant_id: UUID) -> Context:
        it = self._platform
        tenant = await it.directory.with_id(tenant_id)
        return Context(
            Actor(ActorKind.system, None, tenant=tenant_id, grants=("*",)),
            tenant=tenant,
            session=it.open_session(tenant.home, tenant_id),
            request_id=f"run_{uuid7().hex}",
        )

    async def visited(self, ctx: Context, operation: Operation, call: Call) -> None:
        """Note in a tenant's own log what an operator asks for inside."""
        await self.support.desk.visited(ctx, operation.name, call.path)

    def operations(self) -> tuple[Operation, ...]:
        """Theirs on the ``admin`` host, and what tenants decide about support."""
        it = self._platform
        door = OperatorDoor(
            it.identity, self.challenges, self.factors, self.operators, it.control
        )
        return (
            *door.operations(),
            *OperatorOperations(self.operators).operations(),
            *self.support.operations(),
        )
