"""Second factors and ways in without a password: what every tenant's users have."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from insula.kernel.access.operation import Operation
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.identity.factors.backup_codes import BackupCodes
from insula.kernel.identity.factors.passkeys import Site
from insula.kernel.identity.one_time import OneTimeTokens
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine
from insula.kernel.services.factors.challenges import Challenges
from insula.kernel.services.factors.gate import SecondFactorGate
from insula.kernel.services.factors.keeping import Keeping
from insula.kernel.services.factors.magic_links import MagicLinks
from insula.kernel.services.factors.own import OwnFactors
from insula.kernel.services.factors.passkey_operations import PasskeyOperations
from insula.kernel.services.factors.proving import Proving
from insula.kernel.services.factors.second_step import SecondStep
from insula.kernel.services.factors.stepping_up import SteppingUp
from insula.kernel.services.pages.addresses import Origins
from insula.kernel.tenancy.tenant import Tenant

MAGIC_PAGE = "/sign-in/link"
"""Where the console takes a link; what signs in follows behind a ``#``, unlogged."""


class Factors:
    """The service of one process; ``identity`` and ``engine`` are there when asked for."""

    def __init__(
        self,
        key: bytes,
        sealer: Sealer,
        origins: Origins,
        identity: Callable[[], Identity],
        engine: Callable[[], Engine],
        *,
        clock: Clock = now,
    ) -> None:
        self._key, self._sealer, self._origins = key, sealer, origins
        self._identity, self._engine = identity, engine
        self._tokens, self._clock = OneTimeTokens(key), clock

    def _site(self, tenant: Tenant) -> Site:
        return Site(tenant.domain, tenant.name, self._origins(tenant.domain))

    def _magic_page(self, tenant: Tenant) -> str:
        return self._origins.link(tenant.domain, MAGIC_PAGE)

    @cached_property
    def _challenges(self) -> Challenges:
        return Challenges(self._tokens, self._clock)

    @cached_property
    def _codes(self) -> BackupCodes:
        return BackupCodes(self._key)

    @cached_property
    def _proving(self) -> Proving:
        return Proving(self._sealer, self._codes, self._tokens, self._site, self._clock)

    @cached_property
    def _keeping(self) -> Keeping:
        return Keeping(self._sealer, self._codes, self._clock)

    @cached_property
    def gate(self) -> SecondFactorGate:
        """What stops those who came with one factor and need two."""
        return SecondFactorGate(self._challenges)

    @cached_property
    def magic_links(self) -> MagicLinks:
        """Who sends links and takes them."""
        return MagicLinks(
            self._identity,
            self._engine,
            self._tokens,
            self._sealer,
            self._magic_page,
            self._clock,
        )

    @cached_property
    def service(self) -> App:
        """The service, as the engine wants it."""
        return App(
            name="factors",
            title="Second factors",
            version="1.0.0",
            folder=Path(__file__).parent,
            always=True,
            resources=(),
            tasks=(self.magic_links.task,),
        )

    def operations(self) -> tuple[Operation, ...]:
        """Everything that is asked for over HTTP."""
        common = self._engine, self._challenges, self._proving
        keeping, identity = self._keeping, self._identity
        return (
            *SecondStep(identity, *common, keeping).operations(),
            *OwnFactors(identity, *common, keeping).operations(),
            *PasskeyOperations(identity, *common, keeping).operations(),
            *SteppingUp(identity, *common).operations(),
            *self.magic_links.operations(),
        )
