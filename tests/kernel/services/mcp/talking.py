"""A program that speaks the Model Context Protocol, by hand."""

import json
from collections.abc import Mapping
from typing import Any

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
POLICY = "UPDATE control.tenants SET security = $2 WHERE id = $1"


async def let_in(house: House, tenant: Tenant, **policy: Any) -> Tenant:
    """The tenant, with programs let in."""
    await house.platform.control.fetch(POLICY, tenant.id, {"mcp": True, **policy})
    return await house.fresh(tenant.id)


async def with_key(house: House, owner: Caller, *scopes: str) -> Caller:
    """A program with an API key of these scopes."""
    key = await owner.create("api-keys", name="Program", scopes=list(scopes))
    return house.caller(owner.host, key["key"])


async def say(caller: Caller, body: Any, headers: Mapping[str, str] = {}) -> Answer:
    """Send a message as it is."""
    content = body if isinstance(body, (bytes, str)) else json.dumps(body)
    sent = {"content-type": "application/json", **headers}
    return await caller.send("POST", "/mcp", content=content, headers=sent)


async def ask(caller: Caller, method: str, **params: Any) -> Any:
    """The result of a method, as programs have asked since the protocol has no state."""
    answer = await modern(caller, method, params)
    assert answer.status == 200, answer.body
    return answer.body["result"]


async def modern(
    caller: Caller, method: str, params: Mapping[str, Any], **headers: str
) -> Answer:
    """Ask in the revision without a handshake; headers may lie."""
    meta = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}}
    told = {"mcp-protocol-version": MODERN, "mcp-method": method}
    if "name" in params:
        told["mcp-name"] = params["name"]
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    message = {"jsonrpc": "2.0", "id": 1, "method": method}
    return await say(caller, {**message, "params": {**params, "_meta": meta}}, told)


async def call(caller: Caller, tool: str, **arguments: Any) -> Any:
    """What a tool answers."""
    return await ask(caller, "tools/call", name=tool, arguments=arguments)


async def names(caller: Caller) -> list[str]:
    """All tools that somebody is told of, page by page."""
    found: list[str] = []
    page: dict[str, Any] = {}
    while True:
        cursor = {"cursor": page["nextCursor"]} if page else {}
        page = await ask(caller, "tools/list", **cursor)
        found += [it["name"] for it in page["tools"]]
        if "nextCursor" not in page:
            return found
