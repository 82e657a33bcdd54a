"""The protocol: both of its eras, and whatever a hostile program may send."""

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.services.mcp.talking import MODERN, call, let_in, modern, names, say

pytestmark = pytest.mark.anyio
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.fixture
async def acme(house: House) -> Tenant:
    policy = {"cors_origins": ["https://app.example.com"]}
    return await let_in(house, await house.tenant(), **policy)


@pytest.fixture
async def owner(house: House, acme: Tenant) -> Caller:
    return await house.user(acme)


async def test_it_is_off_unless_an_administrator_lets_programs_in(house: House) -> None:
    tenant = await house.tenant(apps=())
    owner = await house.user(tenant)
    assert (await say(owner, LIST)).code == "MCP_OFF"
    changed = await owner.patch("security-policy", {"mcp": True})
    assert changed.data["mcp"] is True
    assert (await say(owner, LIST)).status == 200
    member = await house.user(tenant, "member")
    assert (await member.patch("security-policy", {"mcp": False})).status == 403


async def test_a_handshake_of_old_is_answered_and_nothing_kept(owner: Caller) -> None:
    asked = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {}}
    hello = {**LIST, "method": "initialize", "params": asked}
    told = (await say(owner, hello)).body["result"]
    assert told["protocolVersion"] == "2025-06-18"
    assert told["capabilities"] == {"tools": {}}
    newer = {**hello, "params": {**asked, "protocolVersion": "2099-01-01"}}
    answered = (await say(owner, newer)).body["result"]
    assert answered["protocolVersion"] == "2025-11-25"
    ready = await say(owner, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (ready.status, ready.body) == (202, "")
    assert (await say(owner, {**LIST, "method": "ping"})).body["result"] == {}
    listed = (await say(owner, LIST, {"mcp-protocol-version": "2025-06-18"})).body
    assert "resultType" not in listed["result"]


async def test_headers_and_body_of_today_must_agree(owner: Caller) -> None:
    """What a proxy decides by a header must be what is done."""
    tool = {"name": "maintenance-assets-list", "arguments": {}}
    lies = [
        ({"mcp_method": "tools/list"}, -32020),
        ({"mcp_name": "teams-list"}, -32020),
        ({"mcp_name": "=?base64?%%?="}, -32020),
        ({"mcp_protocol_version": "2025-11-25"}, -32020),
        ({"mcp_protocol_version": "1900-01-01"}, -32022),
    ]
    for headers, code in lies:
        refused = await modern(owner, "tools/call", tool, **headers)
        assert (refused.status, refused.body["error"]["code"]) == (400, code), headers
    plain = {"mcp_name": "=?base64?bWFpbnRlbmFuY2UtYXNzZXRzLWxpc3Q=?="}
    assert (await modern(owner, "tools/call", tool, **plain)).status == 200
    bare = await say(owner, LIST, {"mcp-protocol-version": MODERN})
    assert (bare.status, bare.body["error"]["code"]) == (400, -32602)
    unknown = await modern(owner, "resources/list", {})
    assert (unknown.status, unknown.body["error"]["code"]) == (404, -32601)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b'{"jsonrpc":"2.0","method":"\xff"}', 400, -32700),
        (b"[" * 100_000, 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b"[" * 100_000, 400, None),
        ([LIST, LIST], 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, 400, -32600),
        ({**LIST, "id": None}, 400, -32600),
        ({**LIST, "id": 1.5}, 400, -32600),
        ({**LIST, "jsonrpc": "1.0"}, 400, -32600),
        ({"jsonrpc": "2.0", "method": "tools/call"}, 400, -32600),
        ({**LIST, "params": [1]}, 400, -32602),
        ({**LIST, "params": {"cursor": 7}}, 400, -32602),
        ({**LIST, "method": "tools/call"}, 200, -32602),
        ({**LIST, "method": "tools/call", "params": {"name": "x"}}, 200, -32602),
        ({**LIST, "method": "rm -rf"}, 200, -32601),
        ({**LIST, "params": {"cursor": "\0" * 99}}, 200, None),
        ({**LIST, "params": {"_meta": {"a": {"b": 1}}}}, 200, None),
    ],
    ids=str,
)  # fmt: skip
async def test_nothing_that_is_sent_breaks_it(
    one: Caller, body: object, status: int, code: int | None
) -> None:
    answer = await say(one, body)
    assert answer.status == status, answer.body
    if code is not None:
        assert answer.body["error"]["code"] == code


@pytest.fixture(scope="module")
async def one(the_house: House) -> Caller:
    """One owner for all the messages that do nothing."""
    tenant = await let_in(the_house, await the_house.tenant(apps=()))
    return await the_house.user(tenant)


async def test_who_asks_from_elsewhere_is_refused(
    house: House, acme: Tenant, owner: Caller
) -> None:
    """DNS rebinding: a page of another site asks with what its visitor has."""
    origins = {
        "http://evil.example": 403,
        "null": 403,
        f"https://{acme.domain}": 403,
        f"http://{acme.domain}": 200,
        "https://app.example.com": 200,
    }
    for origin, status in origins.items():
        assert (await say(owner, LIST, {"origin": origin})).status == status, origin
    assert (await say(house.caller(acme.domain), LIST)).status == 401
    large = await say(owner, b" " * 1_048_577)
    assert (large.status, large.code) == (413, "PAYLOAD_TOO_LARGE")
    for method in ("GET", "DELETE"):
        assert (await owner.send(method, "/mcp")).status == 405
    wrong = await say(owner, LIST, {"content-type": "text/plain"})
    assert wrong.status == 415


async def test_a_neighbour_finds_nothing(
    house: House, acme: Tenant, owner: Caller
) -> None:
    """Promise 1: the tools of one tenant are no way to another's rows."""
    asset = await owner.create("maintenance/assets", name="Pump", tag="P-1")
    other = await let_in(house, await house.tenant())
    stranger = await house.user(other)
    gone = await call(stranger, "maintenance-assets-read", id=asset["id"])
    assert gone["content"][0]["text"].startswith("NOT_FOUND (404)")
    rows = await call(stranger, "maintenance-assets-list")
    assert rows["structuredContent"]["data"] == []
    crossed = house.caller(acme.domain, stranger.token)
    assert (await say(crossed, LIST)).status in (401, 403)
    assert "maintenance-assets-list" in await names(stranger)
