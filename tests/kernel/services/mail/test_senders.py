"""Senders: a tenant writes in its own name when the DNS shows that it is its own."""

from typing import Any

import dkim  # type: ignore[import-untyped]  # no stubs
import msgspec
import pytest
from pydantic import ValidationError

from insula.kernel.access.operation import Call
from insula.kernel.database.session import Statement
from insula.kernel.mail.inbound import read_mail
from insula.kernel.services.mail.models import MailSender
from insula.kernel.services.mail.senders import NewSender, NoAnswer, verify_all
from tests.house import House

from .desk import Desk, Post

ADDRESS = "office@acme.test"
ALL = Statement(
    "SELECT s::text FROM home__.mail_senders s WHERE s.tenant_id = $1::text::uuid"
)


async def add(desk: Desk, address: str = ADDRESS) -> Any:
    """A sender as the API shows it."""
    asked = NewSender(address=address, name="Acme, Office", reply_to="help@acme.test")
    reply = await desk.operations.add_sender(desk.ctx, Call("", body=asked))
    assert reply.status == 201
    return msgspec.json.decode(reply.data)


async def verified(desk: Desk) -> Any:
    """A sender whose record the DNS has."""
    sender = await add(desk)
    desk.records[sender["record_name"]] = sender["record"].encode()
    await desk.verify()
    return sender


async def senders(desk: Desk) -> list[MailSender]:
    async with desk.engine.work(desk.ctx) as work:
        return await work.select(MailSender)


async def test_a_verified_sender_signs_what_it_sends(desk: Desk, post: Post) -> None:
    sender = await verified(desk)
    mail_id = await desk.send("ada@people.test")
    await desk.work_off()
    (envelope,) = post.taken
    assert envelope.sender == "no-reply@insula.test"
    mail = read_mail(envelope.content)
    assert mail.sender == ADDRESS
    assert mail.message_id == f"{mail_id}.{desk.tenant.id}@acme.test"
    assert b'\r\nFrom: "Acme, Office" <office@acme.test>\r\n' in envelope.content
    assert b"\r\nReply-To: help@acme.test\r\n" in envelope.content.replace(
        b"<", b""
    ).replace(b">", b"")

    def dns(_: bytes, **__: object) -> bytes:
        return bytes(sender["record"], "ascii")

    assert dkim.verify(envelope.content, dnsfunc=dns)


async def test_a_sender_that_is_not_verified_is_not_used(
    desk: Desk, post: Post
) -> None:
    """Nobody writes in the name of a domain that is not theirs."""
    sender = await add(desk)
    for record in (None, b"v=DKIM1; k=rsa; p=MIIB"):
        desk.records[sender["record_name"]] = record
        await desk.verify()
        await desk.send("ada@people.test")
        await desk.work_off()
        assert read_mail(post.taken[-1].content).sender == "no-reply@insula.test"
        assert b"DKIM-Signature" not in post.taken[-1].content
    (found,) = await senders(desk)
    assert (found.verified_at, found.finding) == (None, "differs")
    assert b'From: "Acme & Co" <no-reply@insula.test>' in post.taken[-1].content


async def test_a_record_that_goes_ends_it_and_a_silent_dns_does_not(desk: Desk) -> None:
    sender = await verified(desk)
    (since,) = [it.verified_at for it in await senders(desk)]
    assert since is not None

    def silent(_: str) -> bytes | None:
        raise NoAnswer

    object.__setattr__(desk.verifying, "lookup", silent)
    await desk.verify()
    (found,) = await senders(desk)
    assert (found.verified_at, found.finding) == (since, "no_answer")
    object.__setattr__(desk.verifying, "lookup", desk.records.get)
    desk.records[sender["record_name"]] = None
    await desk.verify()
    (found,) = await senders(desk)
    assert (found.verified_at, found.finding) == (None, "missing")


async def test_every_record_is_looked_for_again_each_day(desk: Desk) -> None:
    sender = await verified(desk)
    desk.records.clear()
    async with desk.engine.work(desk.ctx) as work:
        await verify_all(work)
    await desk.verify()
    (found,) = await senders(desk)
    assert (str(found.id), found.verified_at) == (sender["id"], None)


async def test_the_key_is_sealed_and_never_shown(house: House, desk: Desk) -> None:
    """Promise 12: no column and no answer holds a private key."""
    sender = await add(desk)
    assert "sealed_key" not in sender
    (row,) = await desk.fetch(ALL)
    assert "PRIVATE KEY" not in row[0]
    other = Desk(house.platform, await house.tenant(apps=()), Post())
    theirs = await add(other)
    assert theirs["record"] != sender["record"]


@pytest.mark.parametrize("address", ["office", "a@b\r\nBcc: c@d", "ä@acme.test", ""])
def test_a_sender_has_an_address(address: str) -> None:
    with pytest.raises(ValidationError):
        NewSender(address=address, name="Acme")
    with pytest.raises(ValidationError):
        NewSender(address=ADDRESS, name="Acme\nBcc: c@d.test")
