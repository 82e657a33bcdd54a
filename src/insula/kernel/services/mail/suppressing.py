"""Suppressing: addresses to which nothing is sent, and the reports that name them."""

import hashlib
from typing import Annotated
from uuid import UUID

from pydantic import Field

from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.mail.address import key_of
from insula.kernel.mail.bounces import Bounce, Verdict
from insula.kernel.mail.inbound import InboundMail
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.mail.models import (
    Mail,
    MailAddress,
    MailState,
    MailSuppression,
    SuppressionReason,
)


class NewSuppression(Command):
    """An address to which nothing is to be sent."""

    address: MailAddress
    detail: Annotated[str | None, Field(default=None, max_length=500)] = None


def suppression_key(tenant_id: UUID, email: str) -> str:
    """What tells an address again: other than the address itself, it may be kept."""
    return hashlib.sha256(f"{tenant_id}:{key_of(email)}".encode()).hexdigest()


async def is_suppressed(work: WorkContext, email: str) -> bool:
    """Whether nothing is sent to the address."""
    key = suppression_key(work.tenant.id, email)
    return await work.exists(MailSuppression, MailSuppression.key == key)


async def suppress(
    work: WorkContext, email: str, reason: SuppressionReason, detail: str | None = None
) -> MailSuppression:
    """Have nothing sent to the address any more; it may be suppressed already."""
    key = suppression_key(work.tenant.id, email)
    row = MailSuppression(address=email, key=key, reason=reason, detail=detail)
    made = await work.add_missing([row])
    if made:
        return row
    (known,) = await work.select(MailSuppression, MailSuppression.key == key)
    return known


async def take_report(work: WorkContext, mail: InboundMail) -> int:
    """Act on a bounce or complaint that came in; answers how many mails it was about.

    A report counts only where it names a mail that we sent to that very address: so
    nobody can have others suppressed by writing reports.
    """
    return sum([await _take(work, bounce) for bounce in mail.bounces])


def tenant_of(bounce: Bounce) -> UUID | None:
    """Whose mail a report is about, if it is about one of ours."""
    return _ids(bounce)[1]


def _ids(bounce: Bounce) -> tuple[UUID | None, UUID | None]:
    mail, _, tenant = (bounce.message_id or "").partition("@")[0].partition(".")
    return parse_uuid(mail), parse_uuid(tenant)


async def _take(work: WorkContext, bounce: Bounce) -> bool:
    mail_id, tenant_id = _ids(bounce)
    if mail_id is None or tenant_id != work.tenant.id:
        return False
    try:
        mail = await work.lock(Mail, mail_id)
    except NotFound:
        return False
    if key_of(mail.recipient) != key_of(bounce.recipient):
        return False
    await _note(work, mail, bounce)
    return True


async def _note(work: WorkContext, mail: Mail, bounce: Bounce) -> None:
    mail.error = f"{bounce.status} {bounce.reason}".strip() or None
    if bounce.verdict is Verdict.complained:
        reason = SuppressionReason.complaint
        await suppress(work, mail.recipient, reason, mail.error)
    elif bounce.verdict is Verdict.dead:
        reason = SuppressionReason.bounce
        await suppress(work, mail.recipient, reason, mail.error)
        if mail.state in (MailState.queued, MailState.sent):
            work.move(mail, MailState.bounced)
