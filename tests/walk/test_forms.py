"""Forms: the same answers as an envelope, as JSON:API and as problem details."""

import json
from typing import Any

import pytest

from insula.kernel.http.negotiation import ENVELOPE, JSON_API, PROBLEM, wish_of
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
ASSETS, LOCATIONS = "maintenance/assets", "maintenance/locations"
DOCUMENT = {"accept": JSON_API.decode()}
DETAILS = {"accept": PROBLEM.decode()}


@pytest.fixture
async def owner(house: House) -> Caller:
    """The owner of a tenant with the maintenance app."""
    return await house.user(await house.tenant())


async def document(
    owner: Caller, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    """Ask in JSON:API; the status and the document."""
    given = {**DOCUMENT, **headers}
    if body is not None:
        given["content-type"] = JSON_API.decode()
    content = None if body is None else json.dumps(body)
    answer = await owner.send(method, path, headers=given, content=content)
    assert answer.headers["content-type"] == JSON_API.decode(), answer.body
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize(
    ("accept", "success", "problem"),
    [
        (None, ENVELOPE, ENVELOPE),
        (b"*/*", ENVELOPE, ENVELOPE),
        (b"text/html, */*;q=0.1", ENVELOPE, ENVELOPE),
        (JSON_API, JSON_API, JSON_API),
        (JSON_API + b";version=1", JSON_API, JSON_API),
        (b"application/json;q=0.2, " + JSON_API, JSON_API, JSON_API),
        (b"application/json, " + JSON_API + b";q=0.5", ENVELOPE, ENVELOPE),
        (JSON_API + b";q=0, */*", ENVELOPE, ENVELOPE),
        (PROBLEM, ENVELOPE, PROBLEM),
        (JSON_API + b", " + PROBLEM + b";q=0.1", JSON_API, PROBLEM),
        (b";;=,q=x;q=nan," + JSON_API + b";q=9", ENVELOPE, ENVELOPE),
    ],
)
def test_the_dearest_form_is_taken(
    accept: bytes | None, success: bytes, problem: bytes
) -> None:
    """R11, R12: whatever else an Accept header says, there is an answer."""
    wish = wish_of(accept)
    assert (wish.success, wish.problem) == (success, problem)


async def test_a_row_as_a_resource_object(owner: Caller) -> None:
    """S2-136, S3-87: attributes, relationships, and what the envelope says besides."""
    hall = await owner.create(LOCATIONS, name="Hall")
    asset = await owner.create(ASSETS, name="Pump", tag="P-1", location_id=hall["id"])
    status, found = await document(owner, "GET", f"{ASSETS}/{asset['id']}")
    data = found["data"]
    assert (status, data["type"], data["id"]) == (200, asset["type"], asset["id"])
    assert data["attributes"]["name"] == "Pump"
    pointer = {"type": "maintenance.location", "id": hall["id"]}
    assert data["relationships"]["location"] == {"data": pointer}
    assert "location_id" not in data["attributes"]
    assert found["meta"].keys() >= {"timestamp", "version", "request_id"}
    assert found["links"]["self"].endswith(asset["id"])


async def test_a_page_of_resource_objects(owner: Caller) -> None:
    """S3-87: with the page's size and where it goes on."""
    for number in range(3):
        await owner.create(ASSETS, name="Pump", tag=f"P-{number}")
    _, found = await document(owner, "GET", f"{ASSETS}?per_page=2&fields=tag")
    assert [set(row["attributes"]) for row in found["data"]] == [{"tag"}, {"tag"}]
    assert found["meta"]["pagination"]["per_page"] == 2
    assert found["links"]["next"]


async def test_a_document_makes_and_changes_a_row(owner: Caller) -> None:
    """S2-136: what is sent may have that form, too; answers follow Accept alone."""
    hall = await owner.create(LOCATIONS, name="Hall")
    pointer = {"data": {"type": "maintenance.location", "id": hall["id"]}}
    body = {
        "type": "maintenance.asset",
        "attributes": {"name": "Pump", "tag": "P-9"},
        "relationships": {"location": pointer},
    }
    status, made = await document(owner, "POST", ASSETS, {"data": body})
    assert (status, made["data"]["relationships"]["location"]) == (201, pointer)
    key = made["data"]["id"]
    change = {"data": {"id": key, "relationships": {"location": {"data": None}}}}
    match = {"if-match": 'W/"1"'}
    status, changed = await document(owner, "PATCH", f"{ASSETS}/{key}", change, **match)
    assert status == 200
    assert changed["data"]["relationships"]["location"] == {"data": None}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": []},
        {"data": {"attributes": []}},
        {"data": {"relationships": {"location": {}}}},
        {"data": {"relationships": {"location": {"data": "x"}}}},
        {"data": {"relationships": {"location": {"data": [{"id": "x"}]}}}},
        {"data": {"relationships": 7}},
    ],
)
async def test_what_is_no_document_is_refused(owner: Caller, body: Any) -> None:
    """In words, and in the form that was asked for."""
    status, found = await document(owner, "POST", ASSETS, body)
    assert (status, found["errors"][0]["code"]) == (400, "INVALID_DOCUMENT")


async def test_a_document_about_another_row_is_a_conflict(owner: Caller) -> None:
    """JSON:API 1.1: the id of the document is that of the address."""
    asset = await owner.create(ASSETS, name="Pump", tag="P-1")
    other = {"data": {"id": "01900000-0000-7000-8000-000000000000", "attributes": {}}}
    path = f"{ASSETS}/{asset['id']}"
    status, found = await document(owner, "PATCH", path, other)
    assert (status, found["errors"][0]["code"]) == (409, "ID_MISMATCH")


async def test_an_error_points_at_its_field(owner: Caller) -> None:
    """JSON:API errors: one for each field, with a pointer to it."""
    body = {"data": {"attributes": {"name": "Pump"}}}
    status, found = await document(owner, "POST", ASSETS, body)
    [error] = found["errors"]
    assert (status, error["status"], error["code"]) == (422, "422", "required")
    assert error["source"] == {"pointer": "/data/attributes/tag"}


async def test_problem_details_are_told_on_request(owner: Caller) -> None:
    """R12, RFC 9457: type, title, status, detail, and the fields as ours tells them."""
    answer = await owner.post(ASSETS, {"name": "Pump"}, headers=DETAILS)
    assert answer.headers["content-type"] == PROBLEM.decode()
    found = json.loads(answer.body)
    assert (found["status"], found["code"]) == (422, "VALIDATION_ERROR")
    assert found["type"] == "urn:insula:problem:VALIDATION_ERROR"
    assert found["errors"][0]["field"] == "tag"
    assert (await owner.get(ASSETS, headers=DETAILS)).status == 200


async def test_problems_before_the_walk_have_that_form_too(house: House) -> None:
    """RFC 9457: also where the front refuses, and where no tenant is known."""
    for path in ("/api/v1/%2e%2e/", "/api/v1/maintenance/assets"):
        answer = await house.caller("localhost").get(path, headers=DETAILS)
        assert answer.headers["content-type"] == PROBLEM.decode(), path
        assert json.loads(answer.body)["status"] == answer.status


async def test_what_is_no_row_stands_in_meta(owner: Caller) -> None:
    """JSON:API: data has an identity; whatever has none is told beside it."""
    _, found = await document(owner, "GET", "maintenance/dashboard")
    assert found["meta"]["result"]["assets"] == 0
    assert "data" not in found
