"""Senders: addresses of a tenant's own, used once the DNS shows that they are its own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import dkim  # type: ignore[import-untyped]  # no stubs
from dkim.dnsplug import get_txt  # type: ignore[import-untyped]  # no stubs

from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.errors import Invalid, NotFound
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.jobs.models import Queue
from insula.kernel.mail.address import Address
from insula.kernel.mail.signing import SigningKey, is_published, make_key
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.mail.models import Line, MailAddress, MailSender
from insula.kernel.services.mail.outgoing import Asked

VERIFY = "mail.verify_sender"
PLACE = "mail_senders.sealed_key"
SELECTOR = "insula"
LONGEST_DOMAIN = 150
"""Characters: the record's name and the ids of mails are longer than their domain."""

Lookup = Callable[[str], bytes | None]
"""Asks the DNS for a TXT record; None where there is none; raises ``NoAnswer``."""


class NoAnswer(OSError):
    """The DNS did not answer: nothing is known of the record."""


class DomainTooLong(Invalid):
    """The domain of the address is too long: it may have 150 characters."""

    code = "MAIL_DOMAIN_TOO_LONG"


class Finding(StrEnum):
    """What was found where a sender's record should be."""

    matches = "matches"
    missing = "missing"
    differs = "differs"
    no_answer = "no_answer"


class NewSender(Command):
    """An address of the tenant's own, and the name that is shown with it."""

    address: MailAddress
    name: Line
    reply_to: MailAddress | None = None


class VerifySender(Command):
    """Look whether the DNS holds a sender's record."""

    sender_id: UUID


VERIFYING = Asked(VERIFY, VerifySender, Queue.default)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a mail comes from; without a key it is not signed by us."""

    address: Address
    reply_to: Address | None = None
    key: SigningKey | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record that should be in the DNS."""

    name: str
    record: str


async def new_sender(asked: NewSender, sealer: Sealer, tenant_id: UUID) -> MailSender:
    """A sender with a key of its own; it is used when it has been verified."""
    domain = Address(asked.address).domain
    if len(domain) > LONGEST_DOMAIN:
        raise DomainTooLong
    key = SigningKey(domain, SELECTOR, await asyncio.to_thread(make_key))
    return MailSender(
        address=asked.address,
        name=asked.name,
        reply_to=asked.reply_to,
        selector=key.selector,
        sealed_key=sealer.seal(tenant_id, PLACE, key.pem),
        record_name=key.record_name,
        record=key.record,
    )


async def sender_of(work: WorkContext, sealer: Sealer) -> Sender | None:
    """Who the tenant's mails come from: the sender that was verified first, if any."""
    is_verified = MailSender.verified_at.is_not(None)
    by_age = MailSender.__table__.c.verified_at
    found = await work.select(MailSender, is_verified, order_by=by_age, limit=1)
    if not found:
        return None
    sender = found[0]
    address = Address(sender.address, sender.name)
    pem = sealer.open(work.tenant.id, PLACE, sender.sealed_key)
    return Sender(
        address,
        None if sender.reply_to is None else Address(sender.reply_to),
        SigningKey(address.domain, sender.selector, pem),
    )


def ask_to_verify(work: WorkContext, sender_id: UUID) -> None:
    """Have the record looked for as soon as the transaction has committed."""
    command = VerifySender(sender_id=sender_id)
    work.enqueue(VERIFYING, command, unique=f"{VERIFY}:{sender_id}", system=True)


async def verify_all(work: WorkContext) -> None:
    """Look again for every record: a domain may have changed hands."""
    async for sender in work.each(MailSender):
        ask_to_verify(work, sender.id)


@dataclass(frozen=True, slots=True)
class Verifying:
    """Looks for senders' records, outside any transaction."""

    clock: Clock
    lookup: Lookup

    async def prepare(self, work: WorkContext, command: VerifySender) -> Wanted | None:
        """What to look for; None when the sender is gone."""
        try:
            sender = await work.get(MailSender, command.sender_id)
        except NotFound:
            return None
        return Wanted(sender.record_name, sender.record)

    async def perform(self, wanted: Wanted) -> Finding:
        """Ask the DNS."""
        try:
            found = await asyncio.to_thread(self.lookup, wanted.name)
        except NoAnswer:
            return Finding.no_answer
        if found is None:
            return Finding.missing
        is_ours = is_published(wanted.record, found.decode("ascii", "replace"))
        return Finding.matches if is_ours else Finding.differs

    async def settle(
        self, work: WorkContext, command: VerifySender, finding: Finding
    ) -> None:
        """Write down what was found; silence of the DNS takes nothing away."""
        try:
            sender = await work.lock(MailSender, command.sender_id)
        except NotFound:
            return
        sender.checked_at, sender.finding = self.clock(), finding.value
        if finding is not Finding.no_answer:
            sender.verified_at = _since(sender, finding)


def _since(sender: MailSender, finding: Finding) -> datetime | None:
    if finding is Finding.matches:
        return sender.verified_at or sender.checked_at
    return None


def ask_dns(name: str) -> bytes | None:
    """The TXT record of a name, as this machine's resolver finds it."""
    try:
        found: bytes | None = get_txt(f"{name}.".encode(), timeout=5)
    except dkim.DnsTimeoutError as error:
        raise NoAnswer(str(error)) from None
    return found
