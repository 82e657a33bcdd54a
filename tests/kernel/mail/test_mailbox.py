"""The mailbox of development: mails as files, each there whole and once."""

from pathlib import Path

import pytest

from insula.kernel.foundation.ids import uuid7
from insula.kernel.mail.mailbox import Directory, Mailbox, NoSuchMail
from insula.kernel.mail.transports import Null

from .samples import a_mail, an_envelope


async def test_a_mail_is_kept_and_found_again(tmp_path: Path) -> None:
    directory, tenant = Directory(tmp_path), uuid7()
    first = an_envelope(tenant_id=tenant)
    await directory.send(first)
    await directory.send(an_envelope(a_mail(subject="Second").build()))
    box = Mailbox(tmp_path)
    second, kept = box.latest()
    assert (second.subject, second.tenant) == ("Second", "platform")
    assert (kept.key, kept.to, kept.subject) == (
        first.key,
        "ada@people.test",
        "Your order",
    )
    assert box.show(2) == box.read(str(tenant), str(first.key))


async def test_nobody_else_on_the_machine_may_read_a_mail(tmp_path: Path) -> None:
    await Directory(tmp_path).send(an_envelope())
    assert all(mode & 0o077 == 0 for mode in modes(tmp_path))


def files(folder: Path) -> list[str]:
    return [it.name for it in folder.rglob("*") if it.is_file()]


def modes(folder: Path) -> set[int]:
    return {it.stat().st_mode for it in folder.rglob("*")}


async def test_a_mail_that_is_sent_twice_is_there_once(tmp_path: Path) -> None:
    envelope = an_envelope()
    for _ in range(2):
        await Directory(tmp_path).send(envelope)
    assert len(Mailbox(tmp_path).latest()) == 1
    assert files(tmp_path) == [f"{envelope.key}.eml"]


@pytest.mark.parametrize("tenant", ["..", "platform/../..", "", "/etc", "a" * 36])
def test_nothing_but_mails_is_read(tmp_path: Path, tenant: str) -> None:
    with pytest.raises(NoSuchMail):
        Mailbox(tmp_path).read(tenant, str(uuid7()))
    with pytest.raises(NoSuchMail):
        Mailbox(tmp_path).read("platform", "../../x")
    with pytest.raises(NoSuchMail):
        Mailbox(tmp_path).show(1)


async def test_null_takes_every_mail(tmp_path: Path) -> None:
    null = Null()
    await null.send(an_envelope())
    await null.close()
