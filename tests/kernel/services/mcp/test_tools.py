"""What programs of artificial intelligence can do: what their credential can, no more."""

from typing import Any
from uuid import UUID

import pytest
from jsonschema import (  # type: ignore[import-untyped]  # no stubs are installed
    Draft202012Validator,
)

from insula.kernel.access.operation import Audience
from insula.kernel.services.mcp.tools import Toolbox, tool_name
from insula.kernel.tenancy.tenant import Tenant
from insula.server.build import operations
from tests.house import Caller, House
from tests.kernel.services.mcp.talking import ask, call, let_in, names, with_key

pytestmark = pytest.mark.anyio


@pytest.fixture
async def acme(house: House) -> Tenant:
    return await let_in(house, await house.tenant())


@pytest.fixture
async def owner(house: House, acme: Tenant) -> Caller:
    return await house.user(acme)


async def test_a_program_is_told_of_what_it_may_use_and_nothing_else(
    house: House, owner: Caller
) -> None:
    program = await with_key(house, owner, "maintenance.assets.read")
    told = await names(program)
    assert "maintenance-assets-list" in told
    assert told == sorted(told)
    assert not {"maintenance-assets-create", "users-list"} & set(told)
    everything = await names(owner)
    assert {"maintenance-assets-create", "users-list"} < set(everything)
    assert len(everything) > 100
    kept_back = ("api_keys", "auth", "oauth", "pages", "scim", "security-update")
    assert not [it for it in everything if it.startswith(kept_back)]
    assert not [it for it in everything if it.endswith(("-export", "-import"))]


async def test_a_tool_does_what_the_request_would(house: House, owner: Caller) -> None:
    """Row, audit entry and version are those of a request; its rights are the key's."""
    program = await with_key(house, owner, "maintenance.assets.manage")
    body = {"name": "Pump", "tag": "P-1", "custom": {"big": 12345678901234567890}}
    made = await call(program, "maintenance-assets-create", body=body)
    asset = made["structuredContent"]["data"]
    assert (made["isError"], asset["version"]) == (False, 1)
    assert asset["custom"] == body["custom"]
    new = {"id": asset["id"], "body": {"name": "New"}}
    changed = await call(program, "maintenance-assets-update", version=1, **new)
    assert changed["structuredContent"]["data"]["name"] == "New"
    late = await call(program, "maintenance-assets-update", version=1, **new)
    assert late["isError"]
    assert late["content"][0]["text"].startswith("VERSION_MISMATCH (412)")
    wanted = f"?resource_id={asset['id']}"
    entries = (await owner.get(f"audit-log{wanted}")).data
    assert {it["actor_kind"] for it in entries} == {"api_key"}
    assert len(entries) == 2


async def test_a_tool_asks_as_lists_are_asked(owner: Caller) -> None:
    for number in range(3):
        await owner.create("maintenance/assets", name=f"P{number}", tag=f"P-{number}")
    query = {"per_page": 2, "sort": "name", "fields": "name"}
    page = await call(owner, "maintenance-assets-list", **query)
    told = page["structuredContent"]
    assert [it["name"] for it in told["data"]] == ["P0", "P1"]
    cursor = told["meta"]["pagination"]["next_cursor"]
    rest = await call(owner, "maintenance-assets-list", **query, cursor=cursor)
    assert [it["name"] for it in rest["structuredContent"]["data"]] == ["P2"]
    key = {"idempotency_key": "k-1", "body": {"name": "Once", "tag": "O-1"}}
    first = await call(owner, "maintenance-assets-create", **key)
    again = await call(owner, "maintenance-assets-create", **key)
    ids = {it["structuredContent"]["data"]["id"] for it in (first, again)}
    assert len(ids) == 1


async def test_what_a_tool_refuses_is_told_to_the_program(
    house: House, owner: Caller
) -> None:
    """Not an error of the protocol: whoever reads it can do better the next time."""
    reader = await with_key(house, owner, "maintenance.assets.read")
    body = {"name": "", "tag": "P-1"}
    asked: list[tuple[Caller, str, dict[str, Any], str]] = [
        (owner, "maintenance-assets-create", {"body": body}, "name: "),
        (reader, "maintenance-assets-create", {"body": body}, "FORBIDDEN (403)"),
        (owner, "maintenance-assets-list", {"filter": "a;b"}, "INVALID_QUERY (400)"),
        (owner, "maintenance-assets-list", {"filtre": "x"}, "There is no argument"),
        (owner, "maintenance-assets-list", {"q": ["x"]}, "is one text"),
        (owner, "maintenance-assets-list", {"q": "\0"}, "address of the request"),
        (owner, "maintenance-assets-read", {}, "'id' is missing"),
        (owner, "maintenance-assets-read", {"id": "../users"}, "'id' is missing"),
        (owner, "maintenance-assets-read", {"id": str(UUID(int=1))}, "NOT_FOUND (404)"),
        (owner, "maintenance-assets-create", {"body": [1]}, "(4"),
    ]
    for caller, tool, arguments, words in asked:
        told = await call(caller, tool, **arguments)
        assert told["isError"], (tool, arguments)
        assert words in told["content"][0]["text"]
    assert (await owner.get("maintenance/assets")).data == []


async def test_every_tool_has_a_schema_that_stands_for_itself(house: House) -> None:
    every = operations(house.platform)
    tools = Toolbox(every).tools
    assert len({tool_name(it.name) for it in every}) == len({it.name for it in every})
    assert all(len(name) <= 64 for name in tools)
    assert all(it.operation.audience is Audience.tenant for it in tools.values())
    for name in list(tools)[::7]:  # each costs 10 ms
        schema = tools[name].schema()
        Draft202012Validator.check_schema(schema)
        refs = str(schema).count("'$ref': '#/$defs/")
        assert str(schema).count("'$ref'") == refs, name
    hints = {name: it.annotations() for name, it in tools.items()}
    assert hints["maintenance-assets-list"]["readOnlyHint"]
    assert hints["maintenance-assets-delete"]["destructiveHint"]
    assert not hints["maintenance-assets-create"]["destructiveHint"]


async def test_tools_of_some_apps_can_be_asked_for(owner: Caller) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    some = await owner.send("POST", "/mcp?apps=teams", json_body=message)
    found = [it["name"] for it in some.body["result"]["tools"]]
    assert found
    assert all(it.startswith("teams-") for it in found)
    assert (await ask(owner, "server/discover"))["supportedVersions"][0] == "2026-07-28"
