"""Verifying: an address is somebody's when they have read what was sent there."""

from datetime import timedelta

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Denied, NotFound
from insula.kernel.identity.gates import Entry
from insula.kernel.identity.models import User
from insula.kernel.identity.one_time import TokenSpent
from insula.kernel.resource.engine import Engine
from insula.kernel.services.accounts.answers import done
from insula.kernel.services.accounts.bodies import Proof
from insula.kernel.services.accounts.mails import VERIFY, AccountMails

PROVING = frozenset({"mail", "sso"})
"""Ways to sign in of which an address is proved: a link in a mail, and a directory."""


class EmailUnverified(Denied):
    """Confirm your e-mail address first: a link was sent to it."""

    code = "EMAIL_UNVERIFIED"


class VerifiedGate:
    """Lets those in whose address is proved, as the tenant wishes it (R32, S4-09)."""

    async def __call__(self, entry: Entry) -> None:
        """Pass, or raise ``EmailUnverified``."""
        account, policy = entry.account, entry.ctx.tenant.policy
        proved = account.verified is not None or PROVING & {*entry.methods}
        if proved or policy.verify == "off":
            return
        if policy.verify == "grace" and account.created is not None:
            until = account.created + timedelta(days=policy.grace_days)
            if now() < until:
                return
        raise EmailUnverified


class Verifying:
    """Takes the proofs."""

    def __init__(self, engine: Engine, mails: AccountMails) -> None:
        self._engine, self._mails = engine, mails

    async def verify(self, ctx: Context, call: Call) -> Reply:
        """Note that an address is proved; a token does so once."""
        body: Proof = call.body
        async with self._engine.work(ctx) as work:
            tokens, transaction = self._mails.tokens, work.transaction
            proof = await tokens.redeem(transaction, VERIFY, body.token)
            try:
                assert proof.subject_id is not None
                user = await work.lock(User, proof.subject_id)
            except NotFound:
                raise TokenSpent from None
            if user.email != proof.data["email"]:
                raise TokenSpent
            if user.email_verified_at is None:
                user.email_verified_at = now()
            await tokens.withdraw(transaction, VERIFY, user.id)
        return done()
