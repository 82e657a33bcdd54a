"""Sending: each mail once, to those who want it, in their language."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Statement
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import uuid7
from insula.kernel.mail.address import BadAddress
from insula.kernel.mail.inbound import read_mail
from insula.kernel.mail.mailbox import Directory, Mailbox
from insula.kernel.mail.smtp import Smtp
from insula.kernel.mail.transports import PermanentRefusal, TemporaryRefusal
from insula.kernel.services.mail.outgoing import SendMail, sealed, send_mail
from insula.kernel.services.mail.sending import WAITS
from tests.house import House
from tests.kernel.mail.server import serving

from .desk import Desk, Post

LOCALE = Statement(
    "UPDATE home__.users SET settings = $3::text::jsonb"
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)
EVERYTHING = (
    "SELECT string_agg(t::text, ' ') FROM home__.{table} t"
    " WHERE t.tenant_id = $1::text::uuid"
)
TABLES = ("jobs", "mails", "outbox", "audit_log")


async def test_a_job_that_runs_twice_sends_once(desk: Desk, post: Post) -> None:
    mail_id = await desk.send("Ada@People.test")
    for _ in range(2):
        await desk.work_off()
    (envelope,) = post.taken
    mail = await desk.mail(mail_id)
    assert (mail.state, mail.attempts, mail.error) == ("sent", 1, None)
    assert mail.sent_at is not None
    assert envelope.recipient == "Ada@people.test"
    read = read_mail(envelope.content)
    own = f"{mail_id}.{desk.tenant.id}@insula.test"
    assert read.message_id == mail.message_id == own
    assert read.sender == "no-reply@insula.test"


async def test_what_is_not_committed_is_not_sent(desk: Desk, post: Post) -> None:
    async def refused() -> None:
        async with desk.engine.work(desk.ctx) as work:
            await send_mail(work, to="ada@people.test", template="mail.test")
            raise NotFound

    with pytest.raises(NotFound):
        await refused()
    assert await desk.commands() == []
    with pytest.raises(BadAddress):
        await desk.send("nobody")


async def test_a_process_that_dies_behind_the_server_sends_the_same_mail_again(
    desk: Desk, tmp_path: Path
) -> None:
    """Receivers tell the copy by its Message-ID, the mailbox by its name."""
    mail_id = await desk.send("ada@people.test")
    (stored,) = await desk.commands()
    command = SendMail.model_validate_json(msgspec.json.encode(stored))
    postman = replace(desk.postman, transport=Directory(tmp_path))
    for _ in range(2):
        async with desk.engine.work(desk.ctx) as work:
            draft = await postman.prepare(work, command)
        assert draft is not None
        outcome = await postman.perform(draft)
        assert (outcome.message_id or "").startswith(f"{mail_id}.")
    (kept,) = Mailbox(tmp_path).latest()
    assert kept.key == mail_id


async def test_a_real_server_gets_the_text_and_the_html(house: House) -> None:
    tenant = await house.tenant(apps=(), name="Acme & Co")
    async with serving() as inbox:
        smtp = Smtp(inbox.server())
        desk = Desk(house.platform, tenant, smtp)
        await desk.send("ada@people.test")
        inbox.to_recipient = ["451 4.7.1 Come back later"]
        for _ in range(2):
            await desk.work_off()
        await smtp.close()
    (raw,) = inbox.mails
    mail = read_mail(raw)
    assert mail.subject == "Ein Test von Acme & Co"
    assert "Acme & Co bei ada@people.test" in mail.text
    assert "Acme &amp; Co bei ada@people.test" in (mail.html or "")
    assert mail.automatic


async def test_a_server_that_is_busy_is_asked_again_until_it_is_enough(
    desk: Desk, post: Post
) -> None:
    mail_id = await desk.send("ada@people.test")
    post.refusals = [TemporaryRefusal("451 4.7.1 later") for _ in range(99)]
    for tries in range(1, len(WAITS) + 1):
        await desk.work_off()
        mail = await desk.mail(mail_id)
        assert (mail.state, mail.attempts) == ("queued", tries)
        assert mail.error == "451 4.7.1 later"
    await desk.work_off()
    assert (await desk.mail(mail_id)).state == "failed"


async def test_an_address_where_nobody_is_gets_no_second_mail(
    desk: Desk, post: Post
) -> None:
    dead = "550 5.1.1 <ada@people.test>: User unknown"
    post.refusals = [PermanentRefusal(dead, address_is_dead=True)]
    first = await desk.send("ada@people.test")
    await desk.work_off()
    second = await desk.send("ADA@people.test")
    await desk.work_off()
    assert (await desk.mail(first)).state == "bounced"
    assert (await desk.mail(first)).error == dead
    assert (await desk.mail(second)).state == "suppressed"
    assert post.taken == []


async def test_a_mail_that_displeased_leaves_the_address_open(
    desk: Desk, post: Post
) -> None:
    post.refusals = [PermanentRefusal("554 5.7.1 No")]
    first = await desk.send("ada@people.test")
    await desk.work_off()
    await desk.send("ada@people.test")
    await desk.work_off()
    assert (await desk.mail(first)).state == "failed"
    assert len(post.taken) == 1


@pytest.mark.parametrize(
    ("template", "values"), [("mail.nope", {}), ("mail.notice", {"heading": "x"})]
)
async def test_a_mail_that_cannot_be_written_fails_and_says_why(
    desk: Desk, post: Post, template: str, values: dict[str, str]
) -> None:
    mail_id = await desk.send("ada@people.test", template, **values)
    await desk.work_off()
    mail = await desk.mail(mail_id)
    assert mail.state == "failed"
    assert "body" in (mail.error or "") or "mail.nope" in (mail.error or "")


async def locale(desk: Desk, user_id: UUID, settings: str) -> None:
    await desk.fetch(LOCALE, user_id, settings)


@pytest.mark.parametrize(
    ("settings", "given", "language"),
    [
        ('{"locale": "ar"}', None, "ar"),
        ('{"locale": "ar"}', "en", "en"),
        ("{}", None, "de"),
        ('{"locale": "fr-CH"}', None, "en"),
    ],
)
async def test_a_user_reads_in_their_own_language(
    house: House,
    desk: Desk,
    post: Post,
    settings: str,
    given: str | None,
    language: str,
) -> None:
    """The one given, else the user's, else the tenant's (de-AT), else English."""
    user = await house.user(desk.tenant)
    assert user.actor_id is not None
    await locale(desk, user.actor_id, settings)
    await desk.send(user.actor_id, language=given)
    await desk.work_off()
    assert f'lang="{language}"' in (read_mail(post.taken[0].content).html or "")


async def test_a_user_of_another_tenant_cannot_be_written_to(
    house: House, desk: Desk
) -> None:
    stranger = await house.user(await house.tenant(apps=()))
    assert stranger.actor_id is not None
    for nobody in (stranger.actor_id, uuid7()):
        with pytest.raises(NotFound):
            await desk.send(nobody)


async def test_a_secret_is_in_the_mail_and_nowhere_else(
    desk: Desk, post: Post, tmp_path: Path
) -> None:
    """Promise 12: no table holds a link that signs somebody in."""
    token = f"https://acme.test/sign-in?token={uuid7().hex}"
    secret = sealed(desk.sealer, desk.tenant.id, token)
    values = {"heading": "Sign in", "body": "Here:", "link": secret}
    mail_id = await desk.send("ada@people.test", "mail.notice", **values)
    await desk.work_off()
    assert token in read_mail(post.taken[0].content).text
    assert (await desk.mail(mail_id)).state == "sent"
    for table in TABLES:
        rows = await desk.fetch(Statement(EVERYTHING.format(table=table)))
        assert rows[0][0]
        assert token not in rows[0][0]


async def test_a_link_to_unsubscribe_is_offered_to_the_mail_program(
    desk: Desk, post: Post
) -> None:
    url = "https://acme.test/unsubscribe/1"
    await desk.send("ada@people.test", unsubscribe=url)
    await desk.work_off()
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in post.taken[0].content


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_no_tenant_sees_the_mail_of_another(
    house: House, isolation: Isolation
) -> None:
    """S0-56: in every mode; nor does one's suppression silence the other."""
    post = Post()
    refusal = PermanentRefusal("550 5.1.1 unknown", address_is_dead=True)
    post.refusals = [refusal]
    mine = Desk(house.platform, await house.tenant(isolation, apps=()), post)
    theirs = Desk(house.platform, await house.tenant(isolation, apps=()), post)
    mail_id = await mine.send("ada@people.test")
    await mine.work_off()
    with pytest.raises(NotFound):
        await theirs.mail(mail_id)
    other = await theirs.send("ada@people.test")
    await theirs.work_off()
    assert (await theirs.mail(other)).state == "sent"
    assert [it.tenant_id for it in post.taken] == [theirs.tenant.id]
