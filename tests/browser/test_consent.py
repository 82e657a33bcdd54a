"""The page on which a person lets a program act for them, in a browser."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.browser.person import Person
from tests.browser.sight import LOOKS, check_page
from tests.kernel.services.oauth.browsing import CALLBACK, PASSWORD

BACK = "https://app.example.com/**"


async def sign_in(person: Person) -> None:
    """Go where the program sends people, and say who one is, by keyboard alone."""
    await person.open(person.scene.program.address())
    await person.sign_in()
    assert await person.page.is_visible("button[value=allow]")


async def choose(person: Person, step: str) -> dict[str, str]:
    """Press a button, and see what the program is told."""
    await person.page.route(BACK, lambda route: route.fulfill(body="the program"))
    async with person.page.expect_request(BACK) as request:
        await person.page.click(f"button[value={step}]")
    url = (await request.value).url
    assert url.startswith(CALLBACK.partition("?")[0])
    return dict(parse_qsl(urlsplit(url).query))


async def test_a_person_signs_in_and_lets_a_program_act(person: Person) -> None:
    """S4-33: the code that the program is sent works."""
    await sign_in(person)
    told = await choose(person, "allow")
    answer = await person.scene.program.redeem(told["code"])
    assert answer.body["scope"] == "maintenance.assets.read"
    assert (told["keep"], told["state"]) == ("1", "s t/a+t&e")


async def test_a_person_refuses(person: Person) -> None:
    """The program is told so, and nothing else."""
    await sign_in(person)
    told = await choose(person, "deny")
    assert told["error"] == "access_denied"
    assert "code" not in told


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_everybody_can_read_and_use_the_pages(
    person: Person, look: tuple[str, str, int]
) -> None:
    """Labels, contrast, direction and size, as they are on the screen."""
    language, scheme, width = look
    await person.look(language, scheme, width)
    await person.open(person.scene.program.address())
    await check_page(person.page, language)
    await person.page.fill("input[name=email]", person.scene.email)
    await person.page.fill("input[name=password]", "wrong")
    await person.page.keyboard.press("Enter")
    await person.page.wait_for_selector("[role=alert]")
    await check_page(person.page, language)
    await person.page.fill("input[name=email]", person.scene.email)
    await person.page.fill("input[name=password]", PASSWORD)
    await person.page.keyboard.press("Enter")
    await person.page.wait_for_selector("button[value=allow]")
    await check_page(person.page, language)
