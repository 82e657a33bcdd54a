"""The page to sign in at, and the ways that lead back to it."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pyotp

from insula.kernel.foundation.clock import now
from tests.house import Answer
from tests.kernel.services.accounts.people import PASSWORD, Place
from tests.kernel.services.federation.idp import Idp
from tests.kernel.services.federation.rig import Rig
from tests.kernel.services.oauth.browsing import Browser
from tests.kernel.services.pages.reading import check_html

ADA = "ada@people.test"
START = "/profile/sessions"
MAGIC = re.compile(r"/sign-in/link#(inst_[\w-]+)")


async def sign_in(browser: Browser, password: str = PASSWORD) -> Answer:
    """Fill in the page."""
    page = await browser.open("/sign-in")
    check_html(page.body)
    return await browser.submit(page, "sign_in", email=ADA, password=password)


async def test_a_person_signs_in_at_the_page(place: Place, browser: Browser) -> None:
    """S0-34: the browser has a session, and the page no use any more."""
    await place.person(ADA)
    wrong = await sign_in(browser, "wrong")
    assert (wrong.status, "is wrong" in wrong.body) == (401, True)
    done = await sign_in(browser)
    assert (done.status, done.headers["location"]) == (303, START)
    assert (await browser.open("/sign-in")).headers["location"] == START
    assert (await browser.open("/login")).headers["location"] == "/sign-in"


async def test_a_link_signs_in_once_and_asks_for_the_second_factor(
    place: Place, browser: Browser
) -> None:
    """S4-14, S4-10: a link is one factor; the code is asked for on the same page."""
    await place.person(ADA)
    ada = await place.signed_in(ADA)
    app = pyotp.TOTP((await ada.post("auth/totp")).data["secret"])
    await ada.post("auth/totp/confirm", {"code": app.now()})
    await place.visitor().post("auth/magic-link", {"email": ADA})
    found = MAGIC.search((await place.mails(ADA))[-1].text)
    assert found is not None
    page = await browser.open("/sign-in/link")
    asked = await browser.submit(page, "go", token=found[1])
    assert asked.status == 200
    check_html(asked.body)
    wrong = await browser.submit(asked, "prove", code="000000")
    assert wrong.status == 401
    code = app.at(now() + timedelta(seconds=30))
    done = await browser.submit(wrong, "prove", code=code)
    assert (done.status, done.headers["location"]) == (303, START)
    other = Browser(place.visitor())
    spent = await other.submit(await other.open("/sign-in/link"), "go", token=found[1])
    assert spent.status == 410


async def test_a_provider_is_gone_to_and_come_back_from(
    place: Place, browser: Browser
) -> None:
    """S3-65: by pages alone, from the list of providers to the session."""
    house, idp = place.house, Idp()
    owner = await house.user(place.tenant)
    rig = Rig(house, place.tenant, owner, idp, f"{place.tenant.slug}.example")
    before = dict(rig.federation.__dict__)
    rig.federation.__dict__["client"] = idp.client()
    await rig.prove(rig.domain)
    idp.claims["email"] = f"ada@{rig.domain}"
    provider = await rig.provider(create_users=True)
    page = await browser.open("/sign-in")
    assert f'href="/sign-in/with/{provider["id"]}"' in page.body
    gone = await browser.open(f"/sign-in/with/{provider['id']}")
    code = idp.authorize(gone.headers["location"])
    query = urlencode({"state": idp.asked["state"], "code": code})
    landed = await browser.open(f"/api/v1/auth/oidc/callback?{query}")
    where, _, answer = landed.headers["location"].partition("#")
    done = await browser.submit(await browser.open(where), "back", answer=answer)
    rig.federation.__dict__.clear()
    rig.federation.__dict__.update(before)
    assert (done.status, done.headers["location"]) == (303, START)
    assert "This browser" in (await browser.open(START)).body


async def test_an_answer_that_is_none_leads_back_to_the_page(
    place: Place, browser: Browser
) -> None:
    page = await browser.open("/sign-in")
    for answer in ("x", "sso=1&state=none", "sso=saml&state=none", "sso=1&code=a%00"):
        stopped = await browser.submit(page, "back", answer=answer)
        assert stopped.status == 410, answer
        check_html(stopped.body)
    gone = await browser.open("/sign-in/with/01a1fdda-9a58-765d-b70c-000000000000")
    assert gone.status == 404
    assert (await browser.open("/sign-in/with/x")).status == 404
