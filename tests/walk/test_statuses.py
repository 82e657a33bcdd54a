"""Status codes: of everything that can become of a request, each has its own."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.house import Answer, Caller, House

pytestmark = pytest.mark.anyio
ASSETS = "maintenance/assets"
PUMP = {"name": "Pump", "tag": "P-1"}


@pytest.fixture(scope="module")
async def callers(the_house: House) -> Mapping[str, Caller]:
    """Who asks: the owner, somebody without rights, nobody, and one without the app."""
    tenant = await the_house.tenant()
    bare = await the_house.tenant(apps=())
    return {
        "owner": await the_house.user(tenant),
        "powerless": await the_house.user(tenant, "customer"),
        "nobody": the_house.caller(tenant.domain),
        "without": await the_house.user(bare),
    }


@pytest.fixture(scope="module")
async def pump(callers: Mapping[str, Caller]) -> Any:
    """An asset in its second version."""
    made = await callers["owner"].create(ASSETS, **PUMP)
    changed = await callers["owner"].patch(
        f"{ASSETS}/{made['id']}", {"name": "Pump 2"}, headers={"if-match": '"1"'}
    )
    return changed.data


CASES: Mapping[str, tuple[int, str, str, str, dict[str, Any]]] = {
    "a list": (200, "owner", "GET", "", {}),
    "a row": (200, "owner", "GET", "/{id}", {}),
    "a new row": (201, "owner", "POST", "", {"json_body": {"name": "A", "tag": "A-1"}}),
    "no JSON": (400, "owner", "POST", "", {"content": b"{"}),
    "no such filter": (400, "owner", "GET", "?nosuch=1", {}),
    "not signed in": (401, "nobody", "GET", "", {}),
    "not paid for": (402, "without", "GET", "", {}),
    "not allowed": (403, "powerless", "GET", "", {}),
    "no such row": (404, "owner", "GET", "/0199a000-0000-7000-8000-000000000000", {}),
    "no such address": (404, "owner", "GET", "/{id}/nosuch", {}),
    "no such method": (405, "owner", "PUT", "", {"json_body": PUMP}),
    "no such move": (409, "owner", "POST", "/{id}/bring-up", {}),
    "overtaken": (
        *(412, "owner", "PATCH", "/{id}"),
        {"json_body": {"name": "B"}, "if-match": '"1"'},
    ),
    "too much": (413, "owner", "POST", "", {"content": b" " * 20_000_000}),
    "another form": (
        *(415, "owner", "POST", ""),
        {"content": b"<a/>", "content-type": "text/xml"},
    ),
    "what is taken": (422, "owner", "POST", "", {"json_body": PUMP}),
    "what is wrong": (422, "owner", "POST", "", {"json_body": {"name": 1}}),
    "of no version": (428, "owner", "PATCH", "/{id}", {"json_body": {"name": "B"}}),
}


@pytest.mark.parametrize("case", CASES)
async def test_every_outcome_has_its_status(
    house: House, callers: Mapping[str, Caller], pump: Any, case: str
) -> None:
    """S3-90, S2-137: and what is refused says so in one form."""
    status, who, method, path, given = CASES[case]
    sent = {name: given[name] for name in ("json_body", "content") if name in given}
    headers = {name: it for name, it in given.items() if name not in sent}
    if "content" in sent:
        headers.setdefault("content-type", "application/json")
    address = f"/api/v1/{ASSETS}{path.replace('{id}', pump['id'])}"
    answer = await callers[who].send(method, address, headers=headers, **sent)
    assert answer.status == status, answer.body
    if status >= 400:
        refused(answer)


def refused(answer: Answer) -> None:
    """A code, a sentence, what is wrong with which field, and a number to ask by."""
    assert answer.body["success"] is False
    error = answer.body["error"]
    assert error["code"].isupper() or "." in error["code"]
    assert error["message"].endswith(".")
    assert error["request_id"].startswith("req_")
    assert {name for it in error["details"] for name in it} <= {
        *("field", "code", "message"),
    }, json.dumps(error)
    assert bool(error["details"]) is (answer.status == 422)
