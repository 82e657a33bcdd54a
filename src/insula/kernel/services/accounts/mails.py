"""Mails: what is written to people about their accounts, its secrets sealed until sent."""

from datetime import timedelta
from uuid import UUID

from insula.kernel.foundation.sealing import Sealer
from insula.kernel.identity.one_time import OneTimeTokens
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.accounts.answers import KeptWays
from insula.kernel.services.accounts.security_mail import spoken_time
from insula.kernel.services.accounts.statements import MAILS_LATELY, QUEUE_UP
from insula.kernel.services.mail.outgoing import Sealed, sealed, send_mail
from insula.kernel.services.pages.addresses import Origins

VERIFY, RESET, CHANGE = "verify_email", "reset_password", "change_email"
"""Purposes of one-time tokens."""
VERIFY_LASTS = timedelta(hours=48)
RESET_LASTS = timedelta(minutes=30)
WELCOME_LASTS = timedelta(days=7)
CHANGE_LASTS = timedelta(hours=24)
MOST = 5
"""Mails of one kind that a stranger can have sent to somebody within ``WHILE``."""
WHILE = timedelta(hours=1)


class AccountMails:
    """Writes to people about their accounts, in the transaction of the cause."""

    def __init__(self, sealer: Sealer, tokens: OneTimeTokens, origins: Origins) -> None:
        self.sealer, self.tokens, self.origins = sealer, tokens, origins

    async def verify(self, work: WorkContext, user_id: UUID, email: str) -> None:
        """Ask somebody whether the address is theirs."""
        if await self._too_many(work, user_id, "mail.verify"):
            return
        token = await self._token(work, VERIFY, user_id, VERIFY_LASTS, email)
        await send_mail(
            work,
            to=user_id,
            template="mail.verify",
            link=self.link(work, "/verify-email", token),
            hours=int(VERIFY_LASTS / timedelta(hours=1)),
        )

    async def reset(self, work: WorkContext, user_id: UUID, email: str) -> None:
        """Let somebody choose another password."""
        if await self._too_many(work, user_id, "mail.reset_password"):
            return
        token = await self._token(work, RESET, user_id, RESET_LASTS, email)
        await send_mail(
            work,
            to=user_id,
            template="mail.reset_password",
            link=self.link(work, "/reset-password", token),
            minutes=int(RESET_LASTS / timedelta(minutes=1)),
        )

    async def welcome(self, work: WorkContext, user_id: UUID, email: str) -> None:
        """Let somebody choose a first password, which proves the address as well."""
        if await self._too_many(work, user_id, "mail.set_password"):
            return
        token = await self._token(work, RESET, user_id, WELCOME_LASTS, email)
        await send_mail(
            work,
            to=user_id,
            template="mail.set_password",
            link=self.link(work, "/reset-password", token),
            days=WELCOME_LASTS.days,
        )

    async def taken(self, work: WorkContext, user_id: UUID) -> None:
        """Tell somebody that their address was to be used once more."""
        if await self._too_many(work, user_id, "mail.address_taken"):
            return
        link = self.origins.link(work.tenant.domain, "/login")
        await send_mail(work, to=user_id, template="mail.address_taken", link=link)

    async def password_changed(
        self, work: WorkContext, user_id: UUID, ways: KeptWays
    ) -> None:
        """Tell somebody that their password is another one, and what else lets them in."""
        await send_mail(
            work,
            to=user_id,
            template="mail.password_changed",
            at=spoken_time(work.now),
            link=self.origins.link(work.tenant.domain, "/forgot-password"),
            tokens=ways.tokens,
            passkeys=ways.passkeys,
            providers=ways.providers,
        )

    async def change_token(
        self, work: WorkContext, user_id: UUID, old: str, wanted: str
    ) -> str:
        """What confirms a new address, in place of what was asked for before."""
        await self.tokens.withdraw(work.transaction, CHANGE, user_id)
        data = {"email": old, "wanted": wanted}
        return await self.tokens.issue(
            work.transaction, CHANGE, user_id, CHANGE_LASTS, data
        )

    async def change(self, work: WorkContext, wanted: str, token: str) -> None:
        """Have a new address confirmed by whoever reads it."""
        await send_mail(
            work,
            to=wanted,
            template="mail.address_change",
            link=self.link(work, "/confirm-email", token),
            hours=int(CHANGE_LASTS / timedelta(hours=1)),
        )

    def link(self, work: WorkContext, path: str, token: str) -> Sealed:
        """Where a token is used; behind the ``#``, so that no server's log has it."""
        text = self.origins.link(work.tenant.domain, f"{path}#token={token}")
        return sealed(self.sealer, work.tenant.id, text)

    async def _token(
        self,
        work: WorkContext,
        purpose: str,
        user_id: UUID,
        lasts: timedelta,
        email: str,
    ) -> str:
        """A token that is good for as long as the address is the user's."""
        data = {"email": email}
        return await self.tokens.issue(work.transaction, purpose, user_id, lasts, data)

    async def _too_many(self, work: WorkContext, user_id: UUID, template: str) -> bool:
        """Whether enough was sent for now; who asked is told nothing of it."""
        since = work.now - WHILE
        await work.transaction.fetch(QUEUE_UP, user_id)
        rows = await work.transaction.fetch(MAILS_LATELY, user_id, template, since)
        return bool(rows[0]["sent"] >= MOST)
