"""The tenant's profile: told to all who belong to it, changed by few."""

import pytest

from tests.house import Caller, House

pytestmark = pytest.mark.anyio
LOGO = "https://example.com/logo.svg"


@pytest.fixture
async def owner(house: House) -> Caller:
    """The owner of a tenant."""
    return await house.user(await house.tenant(name="Acme"))


async def test_an_organisation_says_who_it_is(owner: Caller) -> None:
    """S3-02: name, description, logo_url, settings; what is not sent stays."""
    before = (await owner.get("tenant")).data
    assert (before["name"], before["description"]) == ("Acme", None)
    said = {"description": "Pumps", "logo_url": LOGO, "settings": {"accent": "green"}}
    assert (await owner.patch("tenant", said)).status == 200
    named = {"name": "Acme & Sons", "timezone": "Europe/Berlin"}
    after = (await owner.patch("tenant", named)).data
    assert after == {**before, **said, **named}
    assert (await owner.get("tenant")).data == after
    assert (await owner.get("auth/user")).data["tenant"]["name"] == "Acme & Sons"
    gone = (await owner.patch("tenant", {"logo_url": None})).data
    assert (gone["logo_url"], gone["description"]) == (None, "Pumps")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", None),
        ("description", "x" * 2001),
        ("logo_url", "javascript:alert(1)"),
        ("logo_url", "http://example.com/logo.png"),
        ("timezone", "Mars/Olympus"),
        ("settings", {"large": "x" * 20_000}),
        ("settings", None),
        ("slug", "other"),
    ],
)
async def test_what_it_cannot_be_is_refused(
    owner: Caller, field: str, value: object
) -> None:
    before = (await owner.get("tenant")).data
    answer = await owner.patch("tenant", {field: value})
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
    assert field in answer.body["error"]["fields"]
    assert (await owner.get("tenant")).data == before


async def test_members_read_it_and_the_change_is_in_the_log(house: House) -> None:
    tenant = await house.tenant()
    owner, member = await house.user(tenant), await house.user(tenant, "member")
    assert (await member.get("tenant")).data["slug"] == tenant.slug
    assert (await member.patch("tenant", {"name": "Mine"})).code == "FORBIDDEN"
    await owner.patch("tenant", {"description": "Pumps"})
    (entry,) = (await owner.get("audit-log?action=tenant.update")).data
    assert entry["changes"] == {"description": [None, "Pumps"]}
