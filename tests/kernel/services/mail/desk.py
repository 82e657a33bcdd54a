"""A post office for tests: the mail service of a tenant, its queue worked by hand."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Session, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.mail.address import Address
from insula.kernel.mail.templates import Templates
from insula.kernel.mail.transports import Envelope, Transport
from insula.kernel.resource.tasks import Again
from insula.kernel.services.mail.manifest import LOCALE
from insula.kernel.services.mail.models import Mail
from insula.kernel.services.mail.operations import MailOperations
from insula.kernel.services.mail.outgoing import SEND, SendMail, send_mail
from insula.kernel.services.mail.senders import VERIFY, Sender, Verifying, VerifySender
from insula.kernel.services.mail.sending import Postman
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import Platform

JOBS = Statement(
    "SELECT command FROM home__.jobs WHERE tenant_id = $1::text::uuid AND task = $2"
    " ORDER BY id"
)
PLATFORM = Sender(Address("no-reply@insula.test", "Insula"))


@dataclass
class Post:
    """A transport that keeps what it is given, or refuses what it is told to."""

    taken: list[Envelope] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)

    async def send(self, envelope: Envelope) -> None:
        """Take a mail, unless a refusal is due."""
        if self.refusals:
            raise self.refusals.pop(0)
        self.taken.append(envelope)

    async def close(self) -> None:
        """Nothing is open."""


class Desk:
    """The mail service of one tenant."""

    def __init__(
        self, platform: Platform, tenant: Tenant, transport: Transport, **more: Any
    ) -> None:
        self.tenant, self.records = tenant, dict[str, bytes | None]()
        self.sealer = Sealer(platform.key)
        self.session: Session = platform.open_session(tenant.home, tenant.id)
        self.postman = Postman(
            templates=Templates({"mail": LOCALE, **more}),
            transport=transport,
            sealer=self.sealer,
            platform=PLATFORM,
            language=self._language,
            clock=now,
        )
        self.verifying = Verifying(now, self.records.get)
        self.engine = platform.engine
        self.operations = MailOperations(self.engine, self.sealer)
        self.ctx = self.as_user(None)

    async def _language(self, _: UUID) -> str:
        return "de-AT"

    def as_user(self, user_id: UUID | None) -> Context:
        """The context of a user, or of the system."""
        kind = ActorKind.system if user_id is None else ActorKind.user
        actor = Actor(kind, user_id, tenant=self.tenant.id, grants=("*",))
        return Context(actor, tenant=self.tenant, session=self.session)

    async def send(
        self, to: UUID | str, template: str = "mail.test", **more: Any
    ) -> UUID:
        """Ask for a mail, as a service does."""
        async with self.engine.work(self.ctx) as work:
            return await send_mail(work, to=to, template=template, **more)

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Record]:
        """Rows of the tenant, as they are stored."""
        async with self.session.transaction() as transaction:
            return await transaction.fetch(statement, *args)

    async def commands(self, task: str = SEND) -> list[Mapping[str, Any]]:
        """What the jobs of a task say, as it is stored."""
        rows = await self.fetch(JOBS, task)
        return [msgspec.json.decode(row["command"]) for row in rows]

    async def work_off(self) -> None:
        """Do every job of sending once, whatever became of it before."""
        for stored in await self.commands():
            command = SendMail.model_validate_json(msgspec.json.encode(stored))
            async with self.engine.work(self.ctx) as work:
                draft = await self.postman.prepare(work, command)
            if draft is None:
                continue
            outcome = await self.postman.perform(draft)
            async with self.engine.work(self.ctx) as work:
                with suppress(Again):
                    await self.postman.settle(work, command, outcome)

    async def verify(self) -> None:
        """Do every job of verifying once."""
        for stored in await self.commands(VERIFY):
            command = VerifySender.model_validate_json(msgspec.json.encode(stored))
            async with self.engine.work(self.ctx) as work:
                wanted = await self.verifying.prepare(work, command)
            if wanted is None:
                continue
            finding = await self.verifying.perform(wanted)
            async with self.engine.work(self.ctx) as work:
                await self.verifying.settle(work, command, finding)

    async def mail(self, mail_id: UUID) -> Mail:
        """A mail as the log has it."""
        async with self.engine.work(self.ctx) as work:
            return await work.get(Mail, mail_id)
