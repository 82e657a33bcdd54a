"""``insula mail``: the mailbox of development, in a shell and in a browser."""

import json
import re
from collections.abc import AsyncIterator, Callable
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr, ValidationError
from typer.testing import CliRunner, Result

from insula.cli.main import app
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.settings import Settings, make_key
from insula.kernel.mail.address import Address
from insula.kernel.mail.choosing import (
    open_transport,
    platform_address,
    silence_of,
)
from insula.kernel.mail.mailbox import Directory
from insula.kernel.mail.smtp import Smtp
from insula.kernel.mail.transports import Null
from insula.server.build import build_app
from insula.server.mailbox import mailbox_pages
from insula.server.platform import Platform
from tests.house import Witness
from tests.kernel.mail.samples import a_mail

Run = Callable[..., Result]
HOSTILE = "<script>alert(1)</script>"
HREF = re.compile(r'href="(/mailbox\?[^"]+)"')
SERVER = SecretStr("smtp://a:b@mx.test")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A mailbox with two mails of two tenants."""
    html = f'<p onload="x">{HOSTILE}"></iframe><b>Hello</b></p>'
    text = f"See http://a.b?c&d {HOSTILE}"
    second = a_mail(subject=f"New {HOSTILE}", text=text, html=html)
    for mail in (a_mail(), second):
        folder = tmp_path / "mailbox" / str(uuid7()) / "new"
        folder.mkdir(parents=True)
        (folder / f"{uuid7()}.eml").write_bytes(mail.build())
    return Settings(data_dir=tmp_path)


@pytest.fixture
def run(settings: Settings) -> Run:
    """The command, on that installation."""

    def run(*args: str) -> Result:
        command = ["--data-dir", str(settings.data_dir), "mail", *args]
        return CliRunner().invoke(app, command)

    return run


def test_the_latest_mail_is_number_one(run: Run) -> None:
    listed = json.loads(run("list", "--json").stdout)
    assert [it["number"] for it in listed] == [1, 2]
    assert [it["subject"] for it in listed] == [f"New {HOSTILE}", "Your order"]
    assert len(json.loads(run("list", "--limit", "1", "--json").stdout)) == 1


def test_a_mail_is_shown_as_text(run: Run) -> None:
    shown = json.loads(run("show", "2", "--json").stdout)
    assert shown["to"] == "ada@people.test"
    assert shown["text"].strip() == "It is on its way."
    assert "It is on its way." in run("show", "2").stdout


def test_a_mail_that_is_not_there_is_told(run: Run) -> None:
    done = run("show", "9", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "MAIL_UNKNOWN"


@pytest.fixture
async def browser(
    settings: Settings, platform: Platform
) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody at this machine, on the platform's own host."""
    front = build_app(platform, mailbox_pages(settings), Witness())
    transport = httpx2.ASGITransport(app=front)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://localhost"
    ) as client:
        yield client


async def test_a_browser_sees_all_mails_and_runs_nothing_of_theirs(
    browser: httpx2.AsyncClient,
) -> None:
    listed = await browser.get("/mailbox")
    assert listed.status_code == 200
    assert listed.text.count("<tr><td>") == 2
    link = unescape(HREF.findall(listed.text)[0])
    shown = await browser.get(link)
    for page in (listed, shown):
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
    assert '<a href="http://a.b?c&amp;d" target="_blank"' in shown.text
    assert shown.text.count("</iframe>") == 1
    assert '<iframe sandbox=""' in shown.text


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/mailbox", {"host": "acme.localhost"}),
        ("/mailbox", {"host": "evil.test"}),
        ("/mailbox", {"x-forwarded-for": "203.0.113.5"}),
        ("/mailbox?tenant=..&mail=x", {}),
        ("/mailbox?tenant=platform&mail=../../app.key", {}),
    ],
)
async def test_a_stranger_sees_no_mail(
    browser: httpx2.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    assert (await browser.get(path, headers=headers)).status_code == 404


@pytest.mark.parametrize("env", ["staging", "production"])
def test_there_is_no_such_page_where_people_live(tmp_path: Path, env: str) -> None:
    named: Any = {"env": env, "app_key": make_key(), "data_dir": tmp_path}
    assert mailbox_pages(Settings(**named)) == {}
    assert mailbox_pages(Settings(**named, mail="directory")) == {}
    assert "/mailbox" in mailbox_pages(Settings(data_dir=tmp_path))


def test_how_mail_leaves_is_chosen_by_the_settings(tmp_path: Path) -> None:
    named: Any = {"env": "production", "app_key": make_key(), "data_dir": tmp_path}
    assert isinstance(open_transport(Settings(data_dir=tmp_path)), Directory)
    assert isinstance(open_transport(Settings(**named, smtp_url=SERVER)), Smtp)
    assert isinstance(open_transport(Settings(**named)), Null)
    with pytest.raises(ValidationError, match="INSULA_SMTP_URL"):
        Settings(**named, mail="smtp")


def test_production_says_so_when_mail_goes_nowhere(tmp_path: Path) -> None:
    named: Any = {"env": "production", "app_key": make_key(), "data_dir": tmp_path}
    assert "INSULA_SMTP_URL" in (silence_of(Settings(**named)) or "")
    assert silence_of(Settings(**named, mail="null")) is None
    assert silence_of(Settings(**named, smtp_url=SERVER)) is None
    assert silence_of(Settings(data_dir=tmp_path)) is None


@pytest.mark.parametrize(
    ("said", "address"),
    [
        (None, Address("no-reply@localhost", "Insula")),
        ("post@x.test", Address("post@x.test", "Insula")),
        ("The X <post@x.test>", Address("post@x.test", "The X")),
    ],
)
def test_the_platform_writes_in_the_name_that_is_set(
    tmp_path: Path, said: str | None, address: Address
) -> None:
    assert platform_address(Settings(data_dir=tmp_path, mail_from=said)) == address


def test_a_name_that_is_no_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="INSULA_MAIL_FROM"):
        platform_address(Settings(data_dir=tmp_path, mail_from="nobody"))
