"""The page that tells where one is signed in, to which mails about new devices lead."""

import re

from tests.kernel.services.accounts.people import PASSWORD, Place
from tests.kernel.services.oauth.browsing import Browser
from tests.kernel.services.pages.reading import check_html

ADA = "ada@people.test"
PATH = "/profile/sessions"
END = re.compile(r'value="(end:[\w-]+)"')


async def inside(browser: Browser) -> None:
    """Sign in at the page itself."""
    page = await browser.open(PATH)
    done = await browser.submit(page, "sign_in", email=ADA, password=PASSWORD)
    assert (done.status, done.headers["location"]) == (303, PATH)


async def test_a_stranger_is_shown_the_door_of_a_session(
    place: Place, browser: Browser
) -> None:
    """S4-21: the sign-in that was not one's own ends, one's own goes on."""
    await place.person(ADA)
    stranger = await place.signed_in(ADA, user_agent="Stranger/1")
    await inside(browser)
    page = await browser.open(PATH)
    check_html(page.body)
    assert "Stranger/1" in page.body
    (found,) = END.findall(page.body)
    assert (await browser.submit(page, found)).status == 303
    assert (await stranger.get("profile")).status == 401
    assert "Stranger/1" not in (await browser.open(PATH)).body
    assert (await browser.submit(page, found)).status == 303


async def test_all_others_end_and_then_ones_own(place: Place, browser: Browser) -> None:
    await place.person(ADA)
    others = [await place.signed_in(ADA) for _ in range(2)]
    await inside(browser)
    page = await browser.open(PATH)
    await browser.submit(page, "others")
    assert [(await it.get("profile")).status for it in others] == [401, 401]
    page = await browser.open(PATH)
    assert END.findall(page.body) == []
    left = await browser.submit(page, "leave")
    assert left.headers["location"] == "/sign-in"
    assert "<h1>Sign in</h1>" in (await browser.open(PATH)).body


async def test_nobody_ends_the_sign_ins_of_others(
    place: Place, browser: Browser
) -> None:
    """Pitfall 23: an id alone does nothing."""
    await place.person(ADA)
    await place.person("bob@people.test")
    bob = await place.signed_in("bob@people.test")
    listed = (await bob.get("profile/sessions")).data["sessions"]
    await inside(browser)
    page = await browser.open(PATH)
    await browser.submit(page, f"end:{listed[0]['id']}")
    await browser.submit(page, "end:not-an-id")
    assert (await bob.get("profile")).status == 200
