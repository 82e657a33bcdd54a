"""Metadata: what a console is told, and that it is no more than its caller may know."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import (  # type: ignore[import-untyped]  # no stubs are installed
    Draft202012Validator,
)

from insula.kernel.resource.meta.contract import Boot, ResourceMeta
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
ASSETS = "maintenance.assets"
WORK = "maintenance.work_orders"


@pytest.fixture
async def owner(house: House) -> Caller:
    """The owner of a tenant with the maintenance app."""
    return await house.user(await house.tenant())


async def every(owner: Caller) -> list[Any]:
    """The description of every resource that somebody can open."""
    boot = (await owner.get("meta")).data
    return [
        (await owner.get(f"meta/{entry['name']}")).data for entry in boot["resources"]
    ]


async def test_the_menu_and_every_resource_keep_to_the_contract(owner: Caller) -> None:
    """S3-79: whatever the console reads has the shape that it was promised."""
    boot = (await owner.get("meta")).data
    Draft202012Validator(Boot.model_json_schema()).validate(boot)
    assert [app["name"] for app in boot["apps"]] == ["people", "maintenance"]
    described = await every(owner)
    assert len(described) > 20
    check = Draft202012Validator(ResourceMeta.model_json_schema())
    for found in described:
        check.validate(found)
        assert len(found["list"]["columns"]) <= 8
        names = {field["name"] for field in found["fields"]}
        assert names >= {*found["list"]["columns"], *found["form"]["fields"]}


async def test_a_field_is_told_with_all_that_a_form_asks(owner: Caller) -> None:
    """Types, lengths, options, moves, targets and what a filter may do with it."""
    found = (await owner.get(f"meta/{ASSETS}")).data
    fields = {field["name"]: field for field in found["fields"]}
    assert fields["name"]["max_length"] == 255
    assert fields["name"]["required"] is True
    assert (fields["id"]["type"], fields["id"]["access"]) == ("id", "r")
    location = fields["location_id"]
    assert (location["type"], location["to"]) == ("ref", "maintenance.locations")
    state = fields["state"]
    assert [it["value"] for it in state["options"]] == ["in_service", "down", "retired"]
    assert state["transitions"]["down"] == ["in_service", "retired"]
    assert state["access"] == "r"
    assert "==" in state["filter"]
    assert found["title"] == "name"


async def test_actions_name_their_path_and_body(owner: Caller) -> None:
    """And every one of them is in the documentation, as is every field."""
    document = (await owner.get("/openapi.json")).body
    for found in await every(owner):
        for action in found["actions"]:
            said = document["paths"][action["path"]][action["method"].lower()]
            assert said["operationId"] == action["operation"]
            if "input" in action:
                body = said["requestBody"]["content"]["application/json"]["schema"]
                assert body == action["input"]
        shown = _properties(document, found)
        assert {field["name"] for field in found["fields"]} <= shown, found["name"]


def _properties(document: Any, found: Any) -> set[str]:
    listed = document["paths"][found["path"]]["get"]["responses"]["200"]
    schema = listed["content"]["application/json"]["schema"]["properties"]["data"]
    return {name for it in _schemas(document, schema) for name in it["properties"]}


def _schemas(document: Any, schema: Any) -> Iterator[Any]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from _schemas(document, document["components"]["schemas"][name])
    elif "items" in schema:
        yield from _schemas(document, schema["items"])
    elif "properties" in schema:
        yield schema


async def test_what_one_may_not_do_is_not_offered(house: House) -> None:
    """Permissions decide: a viewer sees no actions, and a stranger no resource."""
    tenant = await house.tenant()
    viewer = await house.user(tenant, "viewer")
    found = (await viewer.get(f"meta/{ASSETS}")).data
    assert found["can"]["list"] is True
    assert not any(found["can"].get(it) for it in ("create", "update", "delete"))
    assert found["actions"] == []
    assert {field["access"] for field in found["fields"]} == {"r"}
    nobody = await house.user(tenant, "nothing-at-all")
    assert (await nobody.get(f"meta/{ASSETS}")).status == 404
    left = {it["name"] for it in (await nobody.get("meta")).data["resources"]}
    assert left == {"exports", "imports", "saved_views"}  # everybody's own


async def test_a_hidden_field_is_nowhere_in_it(house: House) -> None:
    """Pitfall 24: neither among fields nor columns nor filters, for whom it is hidden."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    mask = {"hide": ["serial", "location_id"]}
    grants = ["maintenance.*.read"]
    role = {
        "name": "clerk",
        "title": "Clerk",
        "grants": grants,
        "masks": {ASSETS: mask},
    }
    await owner.create("roles", **role)
    clerk = await house.user(tenant, "clerk")
    found = (await clerk.get(f"meta/{ASSETS}")).data
    for name in ("serial", "location_id"):
        assert f'"{name}"' not in str(found).replace("'", '"')


async def test_an_app_that_is_not_installed_is_not_there(house: House) -> None:
    """A tenant is told of what it has."""
    owner = await house.user(await house.tenant(apps=()))
    boot = (await owner.get("meta")).data
    assert [app["name"] for app in boot["apps"]] == ["people"]  # which everybody has
    assert {it.get("app") for it in boot["resources"]} == {None, "people"}
    assert (await owner.get(f"meta/{ASSETS}")).status == 404


async def test_it_is_said_in_the_callers_language(owner: Caller) -> None:
    """S4-51: labels and actions, with the language in the answer's headers."""
    for language, name in (("en", "Assets"), ("de", "Anlagen"), ("ar", "الأصول")):
        headers = {"accept-language": language}
        answer = await owner.get(f"meta/{ASSETS}", headers=headers)
        assert answer.data["label"]["many"] == name
        assert answer.headers["content-language"] == language


async def test_what_has_not_changed_is_not_sent_again(owner: Caller) -> None:
    """S3-79: an ETag of all that was told; 304 while it is the same."""
    first = await owner.get(f"meta/{WORK}")
    known = {"if-none-match": first.headers["etag"]}
    assert (await owner.get(f"meta/{WORK}", headers=known)).status == 304
    other = {**known, "accept-language": "de"}
    assert (await owner.get(f"meta/{WORK}", headers=other)).status == 200


async def test_parts_of_a_row_are_pages_about_it(owner: Caller) -> None:
    """A related resource is named with the field that points at the row."""
    found = (await owner.get(f"meta/{ASSETS}")).data
    related = {(tab.get("related"), tab.get("by")) for tab in found["detail"]["tabs"]}
    assert ("maintenance.meters", "asset_id") in related
    assert [view["kind"] for view in found["views"]] == ["table", "board"]
