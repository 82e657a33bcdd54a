"""Magic links: a mail that signs its reader in, once and for a short while (S4-14).

Whoever asks is answered alike, whether there is such an account or not: whatever
depends on that is a job, and one is made for everybody.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.identity.factors.problems import MethodOff
from insula.kernel.identity.one_time import OneTimeTokens, TokenSpent
from insula.kernel.identity.operations import TokenPair
from insula.kernel.identity.signing_in import Identity
from insula.kernel.jobs.models import Queue
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.tasks import Task
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.audit.noting import note
from insula.kernel.services.factors.entering import let_in
from insula.kernel.services.factors.statements import ADDRESS, SENT_LATELY, VERIFY
from insula.kernel.services.factors.views import (
    MagicLinkUse,
    MagicLinkWanted,
    schema_of,
)
from insula.kernel.services.mail.outgoing import sealed, send_mail
from insula.kernel.tenancy.tenant import Tenant

PATH = "/api/v1/auth/magic-link"
PURPOSE = WAY = "magic_link"
LIFETIME = timedelta(minutes=15)
PAUSE, MOST_SENT = timedelta(hours=1), 5
"""Links that one person is sent within this time, whoever asks for them."""
TEMPLATE, TASK = "mail.magic_link", "factors.send_magic_link"


class SendMagicLink(Command):
    """Send a user a link; without one there is nothing to do."""

    user_id: UUID | None


def _digest(email: str) -> str:
    return hashlib.sha256(email.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class MagicLinks:
    """Sends links, and lets those in who come with one."""

    identity: Callable[[], Identity]
    engine: Callable[[], Engine]
    tokens: OneTimeTokens
    sealer: Sealer
    page: Callable[[Tenant], str]
    clock: Clock

    @property
    def task(self) -> Task:
        """What sends a link."""
        return Task(name=TASK, command=SendMagicLink, run=self.send, queue=Queue.email)

    async def ask(self, ctx: Context, call: Call) -> Reply:
        """Have a link sent, if there is somebody to send it to."""
        body: MagicLinkWanted = call.body
        realm = self.identity().users(ctx)
        account = await realm.accounts.find(body.email.strip().lower())
        wanted = account is not None and WAY in ctx.tenant.policy.methods
        user_id = account.id if account is not None and wanted else None
        async with self.engine().work(ctx) as work:
            row = "users", None if account is None else account.id
            await note(work.transaction, ctx, "auth.magic_link_asked", row)
            work.enqueue(self.task, SendMagicLink(user_id=user_id), system=True)
        return Reply(status=202)

    async def send(self, work: WorkContext, command: SendMagicLink) -> None:
        """Send a link, unless there were enough of them lately."""
        transaction, user_id = work.transaction, command.user_id
        if user_id is None:
            return
        rows = await transaction.fetch(ADDRESS, user_id)
        since = self.clock() - PAUSE
        lately = await transaction.fetch(SENT_LATELY, user_id, PURPOSE, since)
        if not rows or lately[0]["sent"] >= MOST_SENT:
            return
        data = {"address": _digest(rows[0]["email"])}
        text = await self.tokens.issue(transaction, PURPOSE, user_id, LIFETIME, data)
        link = sealed(self.sealer, work.tenant.id, f"{self.page(work.tenant)}#{text}")
        minutes = int(LIFETIME.total_seconds()) // 60
        await send_mail(work, to=user_id, template=TEMPLATE, link=link, minutes=minutes)

    async def redeem(self, ctx: Context, call: Call) -> Reply:
        """Let somebody in who came with a link: it is one factor."""
        body: MagicLinkUse = call.body
        if WAY not in ctx.tenant.policy.methods:
            raise MethodOff
        async with ctx.session.transaction() as transaction:
            once = await self.tokens.redeem(transaction, PURPOSE, body.token)
            rows = await transaction.fetch(ADDRESS, once.subject_id)
            good = bool(rows) and _digest(rows[0]["email"]) == once.data["address"]
            # Whoever has the mail has the address.
            if good and await transaction.fetch(VERIFY, once.subject_id, self.clock()):
                row = "users", once.subject_id
                await note(transaction, ctx, "users.verified", row)
        realm = self.identity().users(ctx)
        account = None
        if good and once.subject_id is not None:
            account = await realm.accounts.get(once.subject_id)
        if account is None:
            raise TokenSpent
        return await let_in(realm, account, ("mail",), call, cookie=body.cookie)

    def operations(self) -> tuple[Operation, ...]:
        """Both of them."""
        return (
            Operation(
                name="auth.magic_link", method="POST", path=PATH, run=self.ask,
                summary="Have a link sent that signs in", limit="auth",
                audience=Audience.visitor, body=MagicLinkWanted, status=202,
                answer=lambda: {"type": "null"},
            ),
            Operation(
                name="auth.magic_link.redeem", method="POST", path=f"{PATH}/redeem",
                run=self.redeem, summary="Sign in with a link that was sent",
                audience=Audience.visitor, limit="auth", body=MagicLinkUse,
                answer=schema_of(TokenPair), errors=(TokenSpent, MethodOff),
            ),
        )  # fmt: skip
