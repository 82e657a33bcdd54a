"""The links of mails, and the way back from a provider, as a browser follows them."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Route

from tests.browser.person import Person
from tests.browser.sight import LOOKS, check_page
from tests.kernel.services.accounts.people import ANOTHER, Place
from tests.kernel.services.federation.idp import Idp
from tests.kernel.services.federation.rig import Rig

LINK = re.compile(r"http://\S+#\S+")


async def test_a_link_of_a_mail_leads_to_a_page_that_works(person: Person) -> None:
    """What it carries goes into the form by itself, and out of the address bar."""
    scene = person.scene
    place = Place(scene.house, scene.tenant)
    await scene.admin.create("invitations", email="ada@people.test")
    found = LINK.search((await place.mails("ada@people.test"))[-1].text)
    assert found is not None
    await person.page.goto(found[0])
    assert urlsplit(person.page.url).fragment == ""
    await check_page(person.page, "en")
    assert not await person.page.is_visible("input[name=token]")
    await person.page.fill("input[name=name]", "Ada")
    await person.page.fill("input[name=password]", ANOTHER)
    await person.page.keyboard.press("Enter")
    await person.page.wait_for_selector("[role=status]")
    assert (await place.login("ada@people.test", ANOTHER)).status == 200


async def test_a_person_comes_back_from_a_provider_signed_in(person: Person) -> None:
    """S3-65: nothing is pressed on the page between."""
    scene, idp = person.scene, Idp()
    rig = Rig(scene.house, scene.tenant, scene.admin, idp, f"{scene.tenant.slug}.test")
    before = dict(rig.federation.__dict__)
    rig.federation.__dict__["client"] = idp.client()
    await rig.prove(rig.domain)
    idp.claims["email"] = f"ada@{rig.domain}"
    await rig.provider(create_users=True)
    back = f"{person.home}/api/v1/auth/oidc/callback?state="

    async def provide(route: Route) -> None:
        code = idp.authorize(route.request.url)
        where = f"{back}{idp.asked['state']}&code={code}"
        await route.fulfill(status=303, headers={"location": where})

    await person.page.route("https://idp.example/**", provide)
    await person.open("/sign-in")
    await person.page.click("a[href*='/sign-in/with/']")
    await person.page.wait_for_url("**/profile/sessions")
    rig.federation.__dict__.clear()
    rig.federation.__dict__.update(before)
    assert "This browser" in await person.page.inner_text("main")


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_everybody_can_read_and_use_the_pages(
    person: Person, look: tuple[str, str, int]
) -> None:
    """Those of mails, the one to sign in at, and that of one's sign-ins."""
    await person.look(*look)
    for path in ("/sign-in", "/reset-password#token=x", "/forgot-password"):
        await person.open(path)
        await check_page(person.page, look[0])
    await person.open("/sign-in")
    await person.sign_in()
    await check_page(person.page, look[0])
