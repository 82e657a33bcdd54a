"""Searching: filters, pages, and what of a resource is shown."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scim2_models import ScimFilter

from insula.kernel.services.scim.filters import condition
from insula.kernel.services.scim.reading import USER_COLUMNS
from insula.kernel.services.scim.schemas import User
from tests.kernel.services.scim.rig import Rig

PEOPLE: list[dict[str, Any]] = [
    {
        "userName": "ada@people.example",
        "externalId": "E1",
        "displayName": "Ada",
        "title": "100% Boss",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "emails": [{"value": "ada@people.example", "type": "work", "primary": True}],
    },
    {
        "userName": "Bob@people.example",
        "externalId": "e1",
        "displayName": "bob's",
        "emails": [
            {"value": "bob@home.example", "type": "home"},
            {"value": "bob@work.example", "type": "work"},
        ],
    },
    {"userName": "eve@people.example", "active": False, "title": "1000 Files"},
]
FILTERS = [
    'userName eq "ADA@people.example"',
    'userName ne "ada@people.example"',
    'userName sw "bob"',
    'userName co "people"',
    'userName ew ".EXAMPLE"',
    'externalId eq "E1"',
    'externalId ne "E1"',
    "externalId pr",
    "not (externalId pr)",
    'title co "100%"',
    "title eq null",
    "displayName pr and title pr",
    'displayName eq "bob\'s"',
    'name.familyName eq "lovelace"',
    'name.familyName eq "lovelace" or userName sw "eve"',
    'not (name.familyName eq "lovelace")',
    "active eq false",
    "active ne true",
    'emails.value co "work"',
    'emails.type eq "home"',
    'emails.type ne "home"',
    'emails[type eq "work" and value co "bob"]',
    'emails[type eq "home" and value co "work"]',
    "emails[primary eq true]",
    'meta.created gt "2020-01-01T00:00:00Z"',
    'meta.lastModified lt "2020-01-01T00:00:00Z"',
    'meta.resourceType eq "User"',
    'userName gt "b"',
    "userName eq \"x' OR '1'='1\"",
    'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "eve"',
    '(userName sw "a" or userName sw "b") and not (userName sw "b")',
]


@pytest.mark.parametrize("text", FILTERS)
async def test_a_filter_finds_what_the_standard_says(rig: Rig, text: str) -> None:
    """RFC 7644, 3.4.2.2: in SQL as in the library's own reading of the standard."""
    for body in PEOPLE:
        await rig.person(**body)
    every = (await rig.ask("GET", "Users")).body["Resources"]
    asked = ScimFilter[User](text)
    wanted = {it["id"] for it in every if asked.match(User.model_validate(it))}
    said = await rig.ask("GET", "Users", params={"filter": text})
    assert said.status == 200, said.body
    assert {it["id"] for it in said.body.get("Resources", [])} == wanted
    assert said.body["totalResults"] == len(wanted)


@pytest.mark.parametrize(
    "text",
    [
        "userName",
        "userName eq",
        'userName eq "a" and',
        'nothing eq "a"',
        'active gt "a"',
        "active co true",
        'meta.created gt "yesterday"',
        'meta.created gt "2020-01-01T00:00:00"',
        'password eq "a"',
        "(" * 50 + 'userName eq "a"' + ")" * 50,
        " or ".join(['userName eq "a"'] * 60),
        'userName eq "' + "a" * 3000 + '"',
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused(rig: Rig, text: str) -> None:
    said = await rig.ask("GET", "Users", params={"filter": text})
    assert (said.status, said.body["scimType"]) == (400, "invalidFilter"), said.body


@given(st.text(max_size=40), st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt"]))
@settings(max_examples=200, deadline=None)
def test_no_word_of_a_filter_becomes_sql(value: str, operator: str) -> None:
    """Pitfall 36 and others: values are arguments, whatever they hold."""
    asked = ScimFilter[User](f"title {operator} {ScimFilter.quote(value)}")
    text, values = condition(asked, USER_COLUMNS, 2)
    plain, _ = condition(ScimFilter[User](f'title {operator} "x"'), USER_COLUMNS, 2)
    assert "\x00" in value or (text == plain and values == [value])


async def test_pages_are_bounded_and_hold_everybody_once(rig: Rig) -> None:
    """RFC 7644, 3.4.2.4: however a directory asks."""
    for _ in range(5):
        await rig.person()
    seen: list[str] = []
    for start in (1, 3, 5, 7):
        said = (await rig.ask("GET", f"Users?startIndex={start}&count=2")).body
        assert said["totalResults"] == 6  # with the owner
        assert said["itemsPerPage"] == len(said.get("Resources", []))
        seen += [it["id"] for it in said.get("Resources", [])]
    assert len(seen) == len(set(seen)) == 6
    none = (await rig.ask("GET", "Users?count=0")).body
    assert (none["totalResults"], none.get("Resources", [])) == (6, [])
    many = await rig.ask("GET", "Users?count=999999999&startIndex=-5")
    assert many.body["itemsPerPage"] == 6
    far = await rig.ask("GET", f"Users?startIndex={10**18}")
    assert far.status == 200


async def test_what_is_shown_can_be_chosen(rig: Rig) -> None:
    made = await rig.person(**PEOPLE[0])
    path = f"Users/{made['id']}"
    some = (await rig.ask("GET", f"{path}?attributes=userName,name.givenName")).body
    assert set(some) - {"schemas", "meta"} == {"id", "userName", "name"}
    rest = (await rig.ask("GET", f"{path}?excludedAttributes=emails")).body
    assert "emails" not in rest
    assert "userName" in rest
    both = await rig.ask("GET", f"{path}?attributes=userName&excludedAttributes=name")
    assert both.status == 400


async def test_users_and_groups_are_searched_at_once(rig: Rig) -> None:
    """RFC 7644, 3.4.3: as one list, whatever page of it is asked for."""
    ada = await rig.person(displayName="Same")
    await rig.group(ada, displayName="Same")
    found = await rig.ask("POST", ".search", {"filter": 'displayName eq "same"'})
    kinds = [it["meta"]["resourceType"] for it in found.body["Resources"]]
    assert kinds == ["User", "Group"]
    only = await rig.ask("POST", ".search", {"filter": "members pr"})
    assert [it["displayName"] for it in only.body["Resources"]] == ["Same"]
    last = {"filter": 'displayName eq "same"', "startIndex": 2, "count": 1}
    page = (await rig.ask("POST", ".search", last)).body
    assert (page["totalResults"], len(page["Resources"])) == (2, 1)
    users = await rig.ask("POST", "Users/.search", {"filter": "active eq true"})
    assert users.body["totalResults"] == 2
    random.seed()
