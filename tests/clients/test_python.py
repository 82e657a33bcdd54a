"""The Python client against the real application, over a network that fails at times."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from insula_client import (
    AsyncClient,
    Client,
    ConnectionFailed,
    Invalid,
    Limited,
    NotFound,
    Patience,
    Stale,
)
from tests.house import House

pytestmark = pytest.mark.anyio
HASTY = Patience(first=0.0)


class Network(httpx2.AsyncBaseTransport):
    """A network to the house: each trouble befalls one request, and is gone."""

    def __init__(self, house: House) -> None:
        self.inner = httpx2.ASGITransport(app=house.app)
        self.troubles: list[str] = []
        self.sent: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Hand a request on, unless something comes between."""
        self.sent.append(request)
        trouble = self.troubles.pop(0) if self.troubles else ""
        if trouble.isdigit():
            return httpx2.Response(int(trouble), headers={"retry-after": "0"})
        answer = await self.inner.handle_async_request(request)
        if trouble == "lost":
            await answer.aread()
            raise httpx2.ReadError("the answer was lost")
        return answer


@pytest.fixture
async def network(house: House) -> Network:
    """The network between the client and the house."""
    return Network(house)


@pytest.fixture
async def client(house: House, network: Network) -> AsyncIterator[AsyncClient]:
    """A client of somebody who owns a new tenant."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    http = httpx2.AsyncClient(transport=network)
    url = f"http://{tenant.domain}"
    async with AsyncClient(url, token=owner.token, patience=HASTY, http=http) as made:
        yield made


async def test_a_list_is_gone_through_page_by_page(
    client: AsyncClient, network: Network
) -> None:
    assets = client.maintenance.assets
    for number in range(5):
        await assets.create({"name": f"Pump {number}", "tag": f"P-{number}"})
    before = len(network.sent)
    rows = [it["name"] async for it in assets.list(sort="name", per_page=2)]
    assert rows == [f"Pump {number}" for number in range(5)]
    assert len(network.sent) - before == 3
    pages = [it async for it in assets.list(page=1, per_page=3).pages()]
    assert [(len(it.rows), it.total) for it in pages] == [(3, 5), (2, 5)]


async def test_what_is_sent_twice_is_done_once(
    client: AsyncClient, network: Network
) -> None:
    """S3-41 from a caller's side: the answer was lost, the deed was not."""
    network.troubles = ["lost", "503", "429"]
    made = await client.maintenance.assets.create({"name": "Pump", "tag": "P-1"})
    keys = {it.headers["idempotency-key"] for it in network.sent}
    assert (len(network.sent), len(keys)) == (4, 1)
    found = [it["id"] async for it in client.maintenance.assets.list()]
    assert found == [made["id"]]


async def test_errors_are_told_by_class_code_and_field(client: AsyncClient) -> None:
    assets = client.maintenance.assets
    made = await assets.create({"name": "Pump", "tag": "P-1"})
    await assets.update(made["id"], {"name": "New"}, version=made["version"])
    with pytest.raises(Stale) as late:
        await assets.update(made["id"], {"name": "Late"}, version=made["version"])
    assert late.value.code == "VERSION_MISMATCH"
    assert late.value.current is not None
    assert late.value.current["name"] == "New"
    with pytest.raises(Invalid) as wrong:
        await assets.create({"name": "", "tag": "P-1"})
    assert "name" in wrong.value.fields
    with pytest.raises(NotFound):
        await assets.get("00000000-0000-7000-8000-000000000000")


async def test_actions_files_and_dry_runs_are_methods(client: AsyncClient) -> None:
    assets = client.maintenance.assets
    made = await assets.create({"name": "Pump", "tag": "P-1"})
    down = await assets.take_down(made["id"], {"reason": "flood"}, dry_run=True)
    assert down["state"] == "down"
    assert (await assets.get(made["id"]))["state"] == "in_service"
    assert b"Pump" in await assets.export(format="csv")
    kind = {"content_type": "text/plain", "name": "note.txt"}
    note = await client.files.create(b"hello", **kind)
    assert await client.files.content(note["id"]) == b"hello"
    with pytest.raises(ValueError, match="no id"):
        await assets.get("..")


def test_patience_has_an_end() -> None:
    """Who is told to come back in an hour is told so, and nobody tries for ever."""
    made = {"success": True, "data": {"id": "a"}}
    refused = httpx2.Response(429, headers={"retry-after": "3600"})
    answers = iter([httpx2.Response(201, json=made), refused])
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        try:
            return next(answers)
        except StopIteration:
            raise httpx2.ReadError("gone") from None

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    with Client("http://acme.test", token="t", patience=HASTY, http=http) as client:
        assets = client.maintenance.assets
        assert assets.create({"name": "Pump", "tag": "P-1"})["id"] == "a"
        with pytest.raises(Limited):
            assets.get("x")
        with pytest.raises(ConnectionFailed):
            list(assets.list())
    assert len(sent) == 2 + HASTY.attempts
    assert sent[0].headers["authorization"] == "Bearer t"
