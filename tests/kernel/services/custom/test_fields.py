"""Custom fields themselves: added, archived, deleted; known at once, within bounds."""

import pytest

from tests.house import Caller, House
from tests.kernel.services.custom.conftest import (
    COMPANIES,
    FIELDS,
    RESOURCE,
    add,
    company,
    found,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fresh(house: House) -> Caller:
    """The owner of a tenant without any field."""
    return await house.user(await house.tenant())


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"resource": "people.handles"}, "resource"),
        ({"resource": "nobody.knows"}, "resource"),
        ({"key": "Größe"}, "key"),
        ({"kind": "choice"}, "choices"),
        ({"kind": "choice", "choices": ["a", "A"]}, "choices"),
        ({"choices": ["a"]}, "choices"),
        ({"kind": "long_text", "filterable": True}, "filterable"),
        ({"labels": {"de": ""}}, "labels"),
        ({"slot": "custom_1"}, "slot"),
    ],
)
async def test_a_field_that_makes_no_sense_is_refused(
    owner: Caller, more: dict[str, object], field: str
) -> None:
    usual = {"resource": RESOURCE, "key": "other", "kind": "text", "label": "Other"}
    refused = await owner.post(FIELDS, {**usual, **more})
    assert refused.status == 422, refused.body
    assert field in refused.body["error"]["fields"]


async def test_a_key_is_taken_once_for_each_resource(owner: Caller) -> None:
    said = {"key": "size", "kind": "text", "label": "Size"}
    refused = await owner.post(FIELDS, {"resource": RESOURCE, **said})
    assert refused.status == 422
    assert "key" in refused.body["error"]["fields"]
    made = await owner.create(FIELDS, resource="people.contacts", **said)
    assert made["resource"] == "people.contacts"


async def test_a_required_field_is_asked_of_new_rows(fresh: Caller) -> None:
    old = await company(fresh)
    await add(fresh, "size", "integer", required=True)
    refused = await fresh.post(COMPANIES, {"name": "Acme"})
    assert list(refused.body["error"]["fields"]) == ["custom.size"]
    path, match = f"{COMPANIES}/{old['id']}", {"if-match": "*"}
    assert (await fresh.patch(path, {"name": "Other"}, headers=match)).status == 200
    gone = await fresh.patch(path, {"custom": {"size": None}}, headers=match)
    assert gone.status == 422


async def test_what_is_archived_is_hidden_and_kept(fresh: Caller) -> None:
    field = await add(fresh, "size", "integer")
    made = await company(fresh, size=3)
    path, match = f"{COMPANIES}/{made['id']}", {"if-match": "*"}
    one = f"{FIELDS}/{field['id']}"
    await fresh.patch(one, {"archived": True}, headers=match)
    refused = await fresh.post(COMPANIES, {"name": "A", "custom": {"size": 1}})
    assert refused.status == 422
    row = {**(await fresh.get(path)).data, "custom": {}}
    asked = await fresh.send("PUT", path, json_body={}, headers=match)
    whole = {name: row[name] for name in asked.body["error"]["fields"]}
    assert (await fresh.send("PUT", path, json_body=whole, headers=match)).data
    await fresh.patch(one, {"archived": False}, headers=match)
    assert (await fresh.get(path)).data["custom"] == {"size": 3}


async def test_a_deleted_field_takes_its_values_along(house: House) -> None:
    """Its key is free again, and its slot, once the last value is gone."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    field = await add(owner, "size", "integer", filterable=True)
    made = await company(owner, size=3)
    await house.work(tenant)
    assert await found(owner, "custom.size=3") == [made["id"]]
    assert (await owner.send("DELETE", f"{FIELDS}/{field['id']}")).status == 200
    again = {"resource": RESOURCE, "key": "size", "kind": "text", "label": "Size"}
    assert (await owner.post(FIELDS, again)).status == 422
    assert (await owner.get(f"{COMPANIES}?custom.size=3")).status == 400
    await house.work(tenant)
    row = (await owner.get(f"{COMPANIES}/{made['id']}")).data
    assert (row["custom"], row["version"]) == ({}, 2)
    assert await owner.create(FIELDS, **again, filterable=True)


async def test_filters_come_and_go_with_their_slots(house: House) -> None:
    tenant = await house.tenant()
    owner = await house.user(tenant)
    fields = [await add(owner, f"f{n}", "text", filterable=True) for n in range(8)]
    ninth = {"resource": RESOURCE, "key": "f8", "kind": "text", "label": "F"}
    full = await owner.post(FIELDS, {**ninth, "filterable": True})
    assert (full.status, full.code) == (409, "CUSTOM_FILTERS_FULL")
    await house.work(tenant)
    made = await company(owner, f0="x", f1="y")
    assert await found(owner, "custom.f0=x&custom.f1=y") == [made["id"]]
    match = {"if-match": "*"}
    one = f"{FIELDS}/{fields[0]['id']}"
    await owner.patch(one, {"filterable": False}, headers=match)
    await house.work(tenant)
    assert (await owner.get(f"{COMPANIES}?custom.f0=x")).status == 400
    await owner.create(FIELDS, **ninth, filterable=True)
    await house.work(tenant)
    assert await found(owner, "custom.f8=x") == []
    assert await found(owner, "filter=custom.f8=isnull=true") == [made["id"]]


async def test_a_screen_is_told_of_the_tenants_fields(owner: Caller) -> None:
    """K13: in the language of whoever asks."""
    language = {"accept-language": "de"}
    told = (await owner.get(f"meta/{RESOURCE}", headers=language)).data
    fields = {it["name"]: it for it in told["fields"]}
    size, colour = fields["custom.size"], fields["custom.colour"]
    assert (size["label"], size["type"], size["custom"]) == ("Größe", "int", True)
    assert "=gt=" in size["filter"]
    assert [it["value"] for it in colour["options"]] == ["red", "green"]
    assert "custom" not in fields
    assert "custom.size" in told["form"]["fields"]


async def test_the_number_of_fields_is_bounded(
    fresh: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("insula.kernel.services.custom.operations.MOST", 1)
    await add(fresh, "size", "integer")
    said = {"resource": RESOURCE, "key": "b", "kind": "text", "label": "B"}
    full = await fresh.post(FIELDS, said)
    assert (full.status, full.code) == (409, "CUSTOM_FIELDS_FULL")
