"""An upload may end at any moment: no row points to nothing, and no room is lost."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from insula.kernel.services.files.quota import read_usage
from insula.kernel.services.files.upkeep import Upkeep
from insula.kernel.storage.places import Folder
from insula.kernel.storage.stores import StorageAway, Store
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House
from tests.kernel.services.files.desk import Desk, photo
from tests.kernel.services.files.killing import killed_before

pytestmark = pytest.mark.anyio


async def cut_off(desk: Desk, content: bytes, after: float) -> None:
    """Begin an upload and leave."""
    sending = asyncio.ensure_future(desk.send(content, "photo.jpg"))
    await asyncio.sleep(after)
    sending.cancel()
    await asyncio.wait([sending])


async def check(house: House, desk: Desk, tenant: Tenant) -> None:
    """Whatever is listed can be had, and nothing else is there or takes room."""
    rows = (await desk.caller.get("files?per_page=100")).data
    for row in rows:
        got = await desk.content(row)
        assert len(got.content) == row["size"]
    session = house.platform.open_session(tenant.home, tenant.id)
    disk = house.platform.files.disk(tenant.id)
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    await Upkeep(session, disk, tomorrow).sweep()
    async with session.transaction() as transaction:
        usage = await read_usage(transaction, 0)
    assert usage.used == sum(row["size"] for row in rows)
    left = [it async for it in disk.list(Folder.attachments)]
    assert len(left) == sum(1 + len(row["variants"]) for row in rows)


async def test_a_client_may_leave_at_any_moment(house: House, lodger: Tenant) -> None:
    """D11: whether an upload was finished or not, everything agrees about it."""
    desk, content = Desk(await house.user(lodger)), photo()
    chance = random.Random(7)  # noqa: S311  # moments, not secrets
    moments = [chance.uniform(0, 0.06) for _ in range(40)]
    await asyncio.gather(*(cut_off(desk, content, it) for it in moments))
    assert (await desk.send(content)).status == 201
    await check(house, desk, lodger)


@pytest.mark.parametrize("fails", [1, 2, 4])
async def test_a_storage_that_fails_leaves_nothing_behind(
    house: House, lodger: Tenant, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    """The content, or one of its copies, cannot be stored: there is no file."""
    desk, put, calls = Desk(await house.user(lodger)), Store._put, []

    async def broken(self: Store, path: str, *more: object) -> None:
        calls.append(path)
        if len(calls) == fails:
            raise StorageAway
        await put(self, path, *more)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(Store, "_put", broken)
    answer = await desk.send(photo())
    assert (answer.status, answer.code) == (503, "STORAGE_UNAVAILABLE")
    monkeypatch.undo()
    await check(house, desk, lodger)


async def test_a_process_may_be_killed_at_any_step(
    house: House, lodger: Tenant
) -> None:
    """Promise 4: before every statement, before and after every write to the storage."""
    platform, desk = house.platform, Desk(await house.user(lodger))
    step = 1
    while await asyncio.to_thread(
        killed_before, step, platform.settings, platform.cluster, lodger.id
    ):
        step += 1
        assert step < 60
    assert step > 10
    await check(house, desk, lodger)
    rows = (await desk.caller.get("files")).data
    assert 1 <= len(rows) <= 3  # those that were killed when all was done
