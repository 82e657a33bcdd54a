"""The links of mails lead to pages, on which what they are for is done."""

import re

import pytest

from tests.house import Answer
from tests.kernel.services.accounts.people import ANOTHER, Place, token_of
from tests.kernel.services.oauth.browsing import Browser
from tests.kernel.services.pages.reading import check_html

LINK = re.compile(r"https?://[\w.-]+(?::\d+)?(/[\w/-]*)#token=([\w-]+)")
OPEN = {"registration": "open"}
ADA = "ada@people.test"


async def follow(place: Place, browser: Browser, **said: str) -> Answer:
    """Follow the link of the last mail, and send its page back."""
    found = LINK.search((await place.mails())[-1].text)
    assert found is not None
    page = await browser.open(found[1])
    assert page.status == 200
    check_html(page.body)
    return await browser.submit(page, "go", token=found[2], **said)


async def test_an_invitation_is_accepted_on_its_page(
    place: Place, browser: Browser
) -> None:
    """S3-60: with a name and a password; a weak one does not use the link up."""
    owner = await place.house.user(place.tenant)
    await owner.create("invitations", email=ADA)
    weak = await follow(place, browser, name="Ada", password="short")
    assert weak.status == 422
    check_html(weak.body)
    done = await browser.submit(weak, "go", name="Ada", password=ANOTHER)
    assert (done.status, "You can sign in now" in done.body) == (200, True)
    assert (await place.login(ADA, ANOTHER)).status == 200
    again = await browser.submit(weak, "go", name="Ada", password=ANOTHER)
    assert again.status == 410
    assert "<form" not in again.body


async def test_an_address_is_confirmed_on_its_page(
    place: Place, browser: Browser
) -> None:
    """S4-09: opening the link confirms nothing yet; programs open links too."""
    await place.policy(**OPEN)
    body = {"name": "Ada", "email": ADA, "password": ANOTHER}
    await place.visitor().post("auth/register", body)
    assert (await place.login(ADA, ANOTHER)).code == "EMAIL_UNVERIFIED"
    assert (await follow(place, browser)).status == 200
    assert (await place.login(ADA, ANOTHER)).status == 200


async def test_a_forgotten_password_is_replaced_on_two_pages(
    place: Place, browser: Browser
) -> None:
    """S4-08: a mail is asked for on the first, and leads to the second."""
    await place.person(ADA)
    page = await browser.open("/forgot-password")
    check_html(page.body)
    sent = [
        await browser.submit(page, "go", email=email) for email in (ADA, "no@one.test")
    ]
    assert [it.status for it in sent] == [200, 200]
    assert sent[0].body == sent[1].body
    assert (await follow(place, browser, password=ANOTHER)).status == 200
    assert (await place.login(ADA, ANOTHER)).status == 200


async def test_a_new_address_is_confirmed_on_its_page(
    place: Place, browser: Browser
) -> None:
    await place.person(ADA)
    ada = await place.signed_in(ADA)
    await ada.post("profile/email", {"email": "lovelace@people.test"})
    mail = (await place.mails("lovelace@people.test"))[-1]
    page = await browser.open("/confirm-email")
    done = await browser.submit(page, "go", token=token_of(mail))
    assert done.status == 200
    assert (await place.login("lovelace@people.test")).status == 200


@pytest.mark.parametrize(
    "path",
    ["/accept-invitation", "/verify-email", "/reset-password", "/portal/password"],
)
async def test_a_page_takes_its_own_forms_alone(
    place: Place, browser: Browser, path: str
) -> None:
    """S3-68: none that another site made, or another browser was given."""
    page = await browser.open(path)
    said = {"token": "x", "name": "Ada", "password": ANOTHER}
    assert (await browser.submit(page, "go", **said)).status == 410
    for name, value in (("sec-fetch-site", "cross-site"), ("origin", "http://x.test")):
        browser.headers = {name: value}
        assert (await browser.submit(page, "go", **said)).status == 403
    other = Browser(place.visitor())
    assert (await other.submit(page, "go", **said)).status == 403


@pytest.mark.parametrize("raw", [b"", b"\xff", b"csrf=%00", b"a=1&a=2", b"x" * 9999])
async def test_a_form_that_is_none_is_refused(browser: Browser, raw: bytes) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for path in ("/verify-email", "/sign-in", "/sign-in/link", "/profile/sessions"):
        sent = await browser.send("POST", path, headers=kind, content=raw)
        assert sent.status == 403, path
        check_html(sent.body)


@pytest.mark.parametrize(
    ("language", "said"),
    [("de", 'lang="de" dir="ltr"'), ("ar", 'lang="ar" dir="rtl"')],
)
async def test_the_pages_speak_the_persons_language(
    browser: Browser, language: str, said: str
) -> None:
    """S4-51: the words around the form, and those about what went wrong."""
    browser.headers = {"accept-language": language}
    page = await browser.open("/reset-password")
    assert said in page.body
    assert "Choose a password" not in page.body
    refused = await browser.submit(page, "go", token="x", password=ANOTHER)
    assert "not good" not in refused.body


async def test_a_page_asks_nobody_else_for_anything(browser: Browser) -> None:
    """Its policy lets one script run, and its form lead to ourselves."""
    page = await browser.open("/verify-email")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src 'sha256-" in policy
    assert "unsafe" not in policy
    forgotten = await browser.open("/forgot-password")
    assert "script-src" not in forgotten.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
