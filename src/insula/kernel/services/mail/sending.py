"""Sending: a mail is rendered, signed and handed over, and what came of it written down.

The mail leaves outside any transaction. Should the process die between the server's
answer and our note of it, the mail is sent once more, under the same Message-ID, by
which receivers tell the copy: more than that, SMTP does not offer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.errors import Invalid, NotFound
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.mail import message
from insula.kernel.mail.address import Address, spoken
from insula.kernel.mail.signing import sign
from insula.kernel.mail.templates import BadTemplate, Templates, UnknownTemplate
from insula.kernel.mail.transports import (
    Envelope,
    PermanentRefusal,
    TemporaryRefusal,
    Transport,
)
from insula.kernel.resource.tasks import Again
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.mail.models import Mail, MailState, SuppressionReason
from insula.kernel.services.mail.outgoing import PLACE, SendMail
from insula.kernel.services.mail.senders import Sender, sender_of
from insula.kernel.services.mail.suppressing import is_suppressed, suppress

WAITS = (60, 300, 900, 3600, 14_400, 43_200)
"""Seconds before each further try; the operator's server has tried for longer itself."""


class End(StrEnum):
    """How an attempt ended."""

    taken = "taken"
    delayed = "delayed"
    refused = "refused"
    dead = "dead"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt."""

    end: End
    message_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """All that it takes to write one mail."""

    mail_id: UUID
    tenant_id: UUID
    tenant: str
    recipient: str
    template: str
    language: str | None
    sender: Sender
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Postman:
    """Takes mails from the queue to the transport, each attempt in three parts.

    Whatever address a mail shows, it travels in the platform's name: it is the
    platform's server that may send for it (SPF), and reports come back to it.

    ``platform`` is the sender of tenants that have no verified one of their own;
    ``language`` tells a tenant's, "" where it has none.
    """

    templates: Templates
    transport: Transport
    sealer: Sealer
    platform: Sender
    language: Callable[[UUID], Awaitable[str]]
    clock: Clock

    async def prepare(self, work: WorkContext, command: SendMail) -> Draft | None:
        """What is to be written; None when nothing is to be sent any more."""
        mail = await _waiting(work, command)
        if mail is None:
            return None
        if await is_suppressed(work, mail.recipient):
            work.move(mail, MailState.suppressed)
            await work.flush()
            return None
        tenant = work.tenant
        own = await sender_of(work, self.sealer)
        return Draft(
            mail.id,
            tenant.id,
            tenant.name,
            mail.recipient,
            mail.template,
            mail.language,
            own or self._of_platform(tenant.name),
            {**command.values, **self._opened(tenant.id, command.secrets)},
        )

    async def perform(self, draft: Draft) -> Outcome:
        """Write the mail and hand it over; whatever happens is an outcome."""
        message_id = message_id_of(draft)
        try:
            envelope = await self._written(draft, message_id)
            await self.transport.send(envelope)
        except TemporaryRefusal as refusal:
            return Outcome(End.delayed, reason=str(refusal))
        except PermanentRefusal as refusal:
            end = End.dead if refusal.address_is_dead else End.refused
            return Outcome(end, message_id, str(refusal))
        except (BadTemplate, Invalid, UnknownTemplate) as error:
            return Outcome(End.refused, reason=str(error))
        return Outcome(End.taken, message_id)

    async def settle(
        self, work: WorkContext, command: SendMail, outcome: Outcome
    ) -> None:
        """Write down how it went; raises ``Again`` when it should be tried later."""
        mail = await _waiting(work, command)
        if mail is None:
            return
        tries = mail.attempts = mail.attempts + 1
        mail.error, mail.message_id = outcome.reason, outcome.message_id
        if outcome.end is End.delayed and tries <= len(WAITS):
            wait = timedelta(seconds=WAITS[tries - 1])
            await work.flush()
            raise Again(delay=wait, reason=outcome.reason or "")
        await self._end(work, mail, outcome)

    async def bury(self, work: WorkContext, command: SendMail, reason: str) -> None:
        """Give a mail up whose job cannot be done."""
        mail = await _waiting(work, command)
        if mail is not None:
            mail.error = reason[:500]
            work.move(mail, MailState.failed)

    async def _end(self, work: WorkContext, mail: Mail, outcome: Outcome) -> None:
        if outcome.end is End.taken:
            mail.sent_at = self.clock()
            work.move(mail, MailState.sent)
        elif outcome.end is End.dead:
            work.move(mail, MailState.bounced)
            reason = SuppressionReason.bounce
            await suppress(work, mail.recipient, reason, outcome.reason)
        else:
            work.move(mail, MailState.failed)

    async def _written(self, draft: Draft, message_id: str) -> Envelope:
        language = draft.language or await self.language(draft.tenant_id)
        about = {"tenant": draft.tenant, "recipient": draft.recipient}
        values = {"unsubscribe": None, **draft.values, **about}
        said = self.templates.render(draft.template, language, values)
        sender = draft.sender
        mail = message.Mail(
            sender=sender.address,
            to=Address(draft.recipient),
            subject=said.subject,
            message_id=message_id,
            date=self.clock(),
            text=said.text,
            html=said.html,
            reply_to=sender.reply_to,
            unsubscribe=values["unsubscribe"],
        )
        content = mail.build()
        if sender.key is not None:
            content = await asyncio.to_thread(sign, content, sender.key)
        return Envelope(
            key=draft.mail_id,
            sender=self.platform.address.email,
            recipient=draft.recipient,
            content=content,
            tenant_id=draft.tenant_id,
        )

    def _of_platform(self, tenant: str) -> Sender:
        """The platform's sender, under the tenant's name."""
        address = Address(self.platform.address.email, spoken(tenant)[:100])
        return Sender(address, self.platform.reply_to, self.platform.key)

    def _opened(self, tenant_id: UUID, secrets: Mapping[str, str]) -> dict[str, str]:
        return {
            name: self.sealer.open(tenant_id, PLACE, text).decode()
            for name, text in secrets.items()
        }


def message_id_of(draft: Draft) -> str:
    """The same for every attempt; a report that repeats it tells mail and tenant."""
    return f"{draft.mail_id}.{draft.tenant_id}@{draft.sender.address.domain}"


async def _waiting(work: WorkContext, command: SendMail) -> Mail | None:
    """The mail, locked, if it is still to be sent."""
    try:
        mail = await work.lock(Mail, command.mail_id)
    except NotFound:
        return None
    return mail if mail.state is MailState.queued else None
