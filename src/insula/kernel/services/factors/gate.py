"""The gate: one factor is not enough for whoever has two, or must have."""

from dataclasses import dataclass

from insula.kernel.identity.factors.problems import (
    EnrolmentRequired,
    SecondFactorRequired,
)
from insula.kernel.identity.factors.strength import strong
from insula.kernel.identity.gates import Entry
from insula.kernel.identity.tokens import TokenAudience
from insula.kernel.services.factors.challenges import Challenges
from insula.kernel.services.factors.holdings import Method, held_by


@dataclass(frozen=True, slots=True)
class SecondFactorGate:
    """Stops who came with one factor, and gives them a challenge to go on with."""

    challenges: Challenges

    async def __call__(self, entry: Entry) -> None:
        """Pass, or raise ``SecondFactorRequired`` or ``EnrolmentRequired``."""
        if entry.realm.audience is not TokenAudience.tenant:
            return
        if strong(entry.methods):
            return
        if entry.account.second_factor:
            held = await held_by(entry.ctx.session, entry.account.id)
            raise SecondFactorRequired(
                challenge=await self._challenge(entry, enrol=False),
                methods=held.methods,
            )
        if entry.ctx.tenant.policy.mfa == "required":
            raise EnrolmentRequired(
                challenge=await self._challenge(entry, enrol=True),
                methods=(Method.totp,),
            )

    async def _challenge(self, entry: Entry, *, enrol: bool) -> str:
        async with entry.ctx.session.transaction() as transaction:
            await self.challenges.check(transaction, entry.account.id)
            return await self.challenges.issue(
                transaction, entry.account, entry.methods, enrol=enrol
            )
