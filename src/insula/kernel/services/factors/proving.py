"""Proving: whether what somebody gives proves who they are; each thing once.

Nothing here raises for a wrong proof, so that what it wrote commits: a passkey's
challenge is used up by a wrong answer too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.database.session import Transaction
from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.identity.factors import totp
from insula.kernel.identity.factors.backup_codes import BackupCodes
from insula.kernel.identity.factors.passkeys import (
    KnownPasskey,
    PasskeyRefused,
    Proof,
    Site,
    challenge_in,
    proved,
)
from insula.kernel.identity.one_time import OneTime, OneTimeTokens, TokenSpent
from insula.kernel.services.factors.holdings import Method
from insula.kernel.services.factors.statements import (
    ACCEPT_TOTP,
    FIND_PASSKEY,
    FIND_TOTP,
    USE_CODE,
    USE_PASSKEY,
)
from insula.kernel.services.factors.views import PasskeyAssertion
from insula.kernel.tenancy.tenant import Tenant

PASSKEY = "passkey"
"""The purpose of the tokens that browsers sign as challenges."""
NO_SECRET = bytes(totp.SECRET_BYTES)


def place_of(user_id: UUID) -> str:
    """Where a user's secret is kept, as the seal knows it: no other's opens there."""
    return f"totp_factors.secret:{user_id}"


@dataclass(frozen=True, slots=True)
class Signed:
    """A passkey that was used: whose it is, and what its use proved."""

    user_id: UUID
    person: bool


@dataclass(frozen=True, slots=True)
class Proving:
    """Looks at proofs, in the transaction that follows from them."""

    sealer: Sealer
    codes: BackupCodes
    tokens: OneTimeTokens
    site: Callable[[Tenant], Site]
    clock: Clock

    async def by_code(
        self, transaction: Transaction, user_id: UUID, method: Method, code: str
    ) -> bool:
        """Whether a code of an app or from the list of backup codes is good, now."""
        if method is Method.totp:
            return await self.by_totp(transaction, user_id, code, pending=False)
        digest = self.codes.digest(user_id, code)
        used = await transaction.fetch(USE_CODE, user_id, digest, self.clock())
        return bool(used)

    async def by_totp(
        self, transaction: Transaction, user_id: UUID, code: str, *, pending: bool
    ) -> bool:
        """Whether an app's code is good; the first one confirms an app that is pending."""
        rows = await transaction.fetch(FIND_TOTP, user_id, pending)
        secret, last_step = NO_SECRET, None
        if rows:
            place, last_step = place_of(user_id), rows[0]["last_step"]
            sealed = rows[0]["secret"]
            secret = self.sealer.open(transaction.tenant_id, place, sealed)
        at = self.clock()
        step = totp.verify(secret, code, at, last_step)
        # Of two who come with one code, the second finds the step taken.
        accepted = await transaction.fetch(ACCEPT_TOTP, user_id, pending, step, at)
        return bool(accepted)

    async def by_passkey(
        self, transaction: Transaction, tenant: Tenant, given: PasskeyAssertion
    ) -> Signed | None:
        """Whose passkey it is, if it answers a challenge of ours, for the first time."""
        site, response = self.site(tenant), given.model_dump(exclude_none=True)
        try:
            challenge = challenge_in(response)
            asked = await self.redeem(transaction, challenge, PASSKEY)
            if asked is None:
                return None
            rows = await transaction.fetch(FIND_PASSKEY, given.id, site.host)
            if not rows:
                return None
            row = rows[0]
            known = KnownPasskey(given.id, row["public_key"], row["sign_count"])
            proof = proved(site, challenge, response, known)
        except PasskeyRefused:
            return None
        if asked.subject_id not in (None, row["user_id"]):
            return None
        await self._used(transaction, row["id"], proof)
        return Signed(row["user_id"], proof.person)

    async def _used(
        self, transaction: Transaction, passkey_id: UUID, proof: Proof
    ) -> None:
        said = proof.sign_count, proof.backed_up, self.clock()
        await transaction.fetch(USE_PASSKEY, passkey_id, *said)

    async def redeem(
        self, transaction: Transaction, challenge: bytes, purpose: str
    ) -> OneTime | None:
        """The challenge that a browser answers, used up; None if it is none of ours."""
        try:
            text = challenge.decode("ascii")
            return await self.tokens.redeem(transaction, purpose, text)
        except (TokenSpent, Unauthenticated, UnicodeDecodeError):
            return None
