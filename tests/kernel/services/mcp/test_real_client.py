"""The protocol's own client finds its way: in the revision of today, and by a handshake."""

import httpx2
import pytest

from tests.house import House
from tests.kernel.services.mcp.talking import let_in, with_key

mcp = pytest.importorskip("mcp", reason="the protocol's own client is not installed")
transports = pytest.importorskip("mcp.client.streamable_http")

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_protocols_own_client_is_at_home(house: House, mode: str) -> None:
    tenant = await let_in(house, await house.tenant())
    owner = await house.user(tenant)
    program = await with_key(house, owner, "maintenance.assets.manage")
    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=house.app),
        headers={"authorization": f"Bearer {program.token}"},
    )
    url = f"http://{tenant.domain}/mcp"
    transport = transports.streamable_http_client(url, http_client=http)
    async with http, mcp.Client(transport, mode=mode) as client:
        told = await client.list_tools()
        assert "maintenance-assets-create" in [it.name for it in told.tools]
        body = {"name": "Pump", "tag": "P-1"}
        made = await client.call_tool("maintenance-assets-create", {"body": body})
        assert not made.is_error
        assert made.structured_content["data"]["name"] == "Pump"
        wrong = await client.call_tool("maintenance-assets-create", {"body": {}})
        assert wrong.is_error
