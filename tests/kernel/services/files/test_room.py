"""All files of a tenant together never take more than its plan allows."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from insula.kernel.foundation.ids import uuid7
from insula.kernel.storage.places import Folder
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House
from tests.kernel.services.files.desk import Desk

pytestmark = pytest.mark.anyio

PLAN = "INSERT INTO control.plans (id, slug, name, limits) VALUES ($1, $2, $2, $3)"
SUBSCRIBE = """
INSERT INTO control.subscriptions (id, tenant_id, plan_id, status)
VALUES ($1, $2, $3, 'active')
"""


@pytest.fixture
async def small(house: House, tenant: Tenant) -> Tenant:
    """A new tenant of each mode, whose plan allows 75 bytes."""
    lodger = await house.tenant(tenant.home.isolation)
    control, plan = house.platform.control, uuid7()
    limits = {"storage_bytes": 75}
    await control.fetch(PLAN, plan, f"small-{plan.hex[-8:]}", limits)
    await control.fetch(SUBSCRIBE, uuid7(), lodger.id, plan)
    return await house.fresh(lodger.id)


async def stored(house: House, tenant: Tenant) -> int:
    """How many files there are in the storage."""
    disk = house.platform.files.disk(tenant.id)
    return len([it async for it in disk.list(Folder.attachments)])


async def test_twenty_uploads_at_once_take_exactly_what_there_is(
    house: House, small: Tenant
) -> None:
    """Promise 8, S1-28: never over the limit, never refused below it, nothing left over."""
    desk = Desk(await house.user(small))
    answers = await asyncio.gather(*(desk.send(b"0123456789") for _ in range(20)))
    refused = [it for it in answers if it.status != 201]
    assert len(refused) == 13
    assert {(it.status, it.code) for it in refused} == {(402, "QUOTA_EXCEEDED")}
    assert await stored(house, small) == 7
    assert len((await desk.caller.get("files")).data) == 7
    assert (await desk.send(b"01234")).status == 201
    assert (await desk.send(b"0")).status == 402


async def test_what_has_no_room_is_not_even_received(
    house: House, small: Tenant
) -> None:
    """Whether the client says how much it is, or sends on and on."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x"

    desk = Desk(await house.user(small))
    for body in (b"x" * 76, endless()):
        answer = await desk.caller.send("POST", "files", content=body)
        assert (answer.status, answer.code) == (402, "QUOTA_EXCEEDED")
    assert await stored(house, small) == 0


async def test_an_emptied_trash_makes_room(house: House, small: Tenant) -> None:
    desk = Desk(await house.user(small))
    file = await desk.add(b"x" * 75)
    await desk.caller.send("DELETE", f"files/{file['id']}", headers={"if-match": '"1"'})
    assert (await desk.send(b"x")).status == 402
    emptied = await desk.caller.post("files/empty-trash")
    assert emptied.data == {"removed": 1}
    assert await stored(house, small) == 0
    assert (await desk.send(b"x")).status == 201
