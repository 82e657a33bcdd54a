"""Keeping: what is written when somebody gets a second factor, or loses one.

Each change is noted, and its owner is told by mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.access.actor import ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.session import Transaction
from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.identity.factors import totp
from insula.kernel.identity.factors.backup_codes import BackupCodes, new_codes
from insula.kernel.identity.factors.problems import FactorExists, PeopleAlone
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.accounts.security_mail import notify_security_change
from insula.kernel.services.audit.noting import note
from insula.kernel.services.factors.holdings import AMR, Method
from insula.kernel.services.factors.proving import place_of
from insula.kernel.services.factors.statements import (
    ADD_CODES,
    DROP_CODES,
    DROP_PASSKEYS,
    DROP_TOTP,
    HAS_CODES,
    KEEP_TOTP,
    MARK,
    PROVE,
)
from insula.kernel.services.factors.views import TotpSecret
from insula.kernel.tenancy.tenant import Tenant


def self_id(ctx: Context) -> UUID:
    """The user who asks, for themselves; raises ``PeopleAlone`` for keys and clients."""
    actor = ctx.actor
    themselves = actor.kind is ActorKind.user and actor.via is None
    if actor.id is None or actor.session is None or not themselves:
        raise PeopleAlone
    return actor.id


@dataclass(frozen=True, slots=True)
class Keeping:
    """Writes factors, for whoever proved that they may."""

    sealer: Sealer
    codes: BackupCodes
    clock: Clock

    async def begin_totp(
        self, transaction: Transaction, tenant: Tenant, user_id: UUID, email: str
    ) -> TotpSecret:
        """Give an app a secret, which counts once its first code is right."""
        secret = totp.new_secret()
        sealed = self.sealer.seal(tenant.id, place_of(user_id), secret)
        row = uuid7(), self.clock(), user_id, sealed
        if not await transaction.fetch(KEEP_TOTP, *row):
            raise FactorExists
        uri = totp.enrolment_uri(secret, account=email, issuer=tenant.name)
        return TotpSecret(secret=totp.spelled(secret), uri=uri)

    async def added(self, work: WorkContext, user_id: UUID, what: str) -> list[str]:
        """There is one factor more; answers backup codes, if there are none yet."""
        await work.transaction.fetch(MARK, user_id, self.clock())
        await self._tell(work, user_id, what)
        if await work.transaction.fetch(HAS_CODES, user_id):
            return []
        return list(await self.make_codes(work, user_id))

    async def proved(self, work: WorkContext, user_id: UUID, method: Method) -> None:
        """The session in which a factor came shows that it is theirs."""
        proof = work.actor.session, user_id, self.clock(), AMR[method]
        await work.transaction.fetch(PROVE, *proof)

    async def make_codes(self, work: WorkContext, user_id: UUID) -> Sequence[str]:
        """New backup codes, in place of all that there were."""
        made, at = new_codes(), self.clock()
        digests = [self.codes.digest(user_id, code) for code in made]
        await work.transaction.fetch(DROP_CODES, user_id)
        ids = [uuid7() for _ in made]
        await work.transaction.fetch(ADD_CODES, at, user_id, ids, digests)
        await self._tell(work, user_id, "backup_codes_made")
        return made

    async def remove_totp(self, work: WorkContext, user_id: UUID) -> None:
        """Take the app away, confirmed or not; raises ``NotFound``."""
        if not await work.transaction.fetch(DROP_TOTP, user_id):
            raise NotFound
        await self.removed(work, user_id, "second_factor_removed")

    async def remove_all(self, work: WorkContext, user_id: UUID) -> None:
        """Take everything away from somebody who has lost it all."""
        await work.transaction.fetch(DROP_TOTP, user_id)
        await work.transaction.fetch(DROP_PASSKEYS, user_id)
        await self.removed(work, user_id, "second_factor_removed")

    async def removed(self, work: WorkContext, user_id: UUID, what: str) -> None:
        """There is one factor less; with the last one the backup codes go."""
        rows = await work.transaction.fetch(MARK, user_id, self.clock())
        if not rows or not rows[0]["has_one"]:
            await work.transaction.fetch(DROP_CODES, user_id)
        await self._tell(work, user_id, what)

    async def _tell(self, work: WorkContext, user_id: UUID, what: str) -> None:
        await note(work.transaction, work, f"factors.{what}", ("users", user_id))
        await notify_security_change(work, user_id, what)
