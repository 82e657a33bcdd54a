"""Suppressing: whoever bounced, complained or asked is written to no more."""

from uuid import UUID

import msgspec
import pytest
from sqlalchemy import true

from insula.kernel.access.operation import Call
from insula.kernel.mail.inbound import read_mail
from insula.kernel.services.mail.models import MailSuppression, SuppressionReason
from insula.kernel.services.mail.suppressing import (
    NewSuppression,
    suppress,
    take_report,
    tenant_of,
)
from tests.kernel.mail.samples import COMPLAINT, REPORT

from .desk import Desk, Post

ADA = "ada@people.test"


async def suppressions(desk: Desk) -> list[MailSuppression]:
    async with desk.engine.work(desk.ctx) as work:
        return await work.select(MailSuppression, true())


async def report(desk: Desk, raw: bytes, mail_id: UUID) -> int:
    """A report about a mail comes in."""
    ours = f"<{mail_id}.{desk.tenant.id}@insula".encode()
    named = raw.replace(b"<1@acme", ours).replace(b"<2@acme", ours)
    assert {tenant_of(it) for it in read_mail(named).bounces} == {desk.tenant.id}
    async with desk.engine.work(desk.ctx) as work:
        return await take_report(work, read_mail(named))


async def sent(desk: Desk, to: str = ADA) -> UUID:
    mail_id = await desk.send(to)
    await desk.work_off()
    return mail_id


async def test_a_bounce_that_comes_back_ends_the_mail_and_the_address(
    desk: Desk, post: Post
) -> None:
    mail_id = await sent(desk)
    assert await report(desk, REPORT, mail_id) == 1
    assert (await desk.mail(mail_id)).state == "bounced"
    (found,) = await suppressions(desk)
    assert (found.address, found.reason) == (ADA, SuppressionReason.bounce)
    assert "User unknown" in (found.detail or "")
    again = await sent(desk)
    assert (await desk.mail(again)).state == "suppressed"
    assert len(post.taken) == 1


async def test_a_complaint_ends_the_address_and_not_the_mail(desk: Desk) -> None:
    mail_id = await sent(desk)
    assert await report(desk, COMPLAINT, mail_id) == 1
    assert (await desk.mail(mail_id)).state == "sent"
    (found,) = await suppressions(desk)
    assert found.reason is SuppressionReason.complaint


async def test_a_report_about_a_mail_that_was_never_sent_silences_nobody(
    desk: Desk,
) -> None:
    """Anybody can write a report; it counts where it knows our mail and its address."""
    other = await sent(desk, "eve@people.test")
    for raw in (REPORT, COMPLAINT):
        assert await report(desk, raw, other) == 0
        async with desk.engine.work(desk.ctx) as work:
            assert await take_report(work, read_mail(raw)) == 0
    assert await suppressions(desk) == []


async def test_an_address_is_suppressed_once_and_may_be_freed(
    desk: Desk, post: Post
) -> None:
    shown = dict[str, str]()
    for spelling in (ADA, "Ada@PEOPLE.test"):
        asked = NewSuppression(address=spelling, detail="asked by telephone")
        reply = await desk.operations.suppress(desk.ctx, Call("", body=asked))
        shown = msgspec.json.decode(reply.data)
        assert (shown["address"], shown["reason"]) == (ADA, "manual")
        assert "key" not in shown
    assert len(await suppressions(desk)) == 1
    api = desk.engine.api("mail_suppressions")
    await api.delete(desk.ctx, Call("", key=shown["id"]))
    await sent(desk)
    assert len(post.taken) == 1


@pytest.mark.parametrize("reason", list(SuppressionReason))
async def test_whatever_the_reason_nothing_is_sent(
    desk: Desk, post: Post, reason: SuppressionReason
) -> None:
    async with desk.engine.work(desk.ctx) as work:
        await suppress(work, ADA, reason)
    await sent(desk)
    assert post.taken == []
