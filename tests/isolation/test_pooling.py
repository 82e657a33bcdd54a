"""Two connections for fifty tenants: nothing of one transaction is left for the next.

That is what a pooler in transaction mode does to us; ours does it too when many ask
at once. Requests are given up in the middle, as they are when people go away.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from insula.kernel.database.cluster import Cluster
from insula.kernel.database.home import Isolation, Login
from insula.kernel.database.pool import Connection, Pool, Pools
from insula.kernel.database.session import CONTEXT, Session, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.settings import Settings
from insula.kernel.resource.engine import registered_apps
from insula.kernel.tenancy.homes import Homes
from insula.server import platform as composition
from insula.server.build import build_app
from insula.server.platform import Platform
from tests.conftest import UNLIMITED
from tests.house import Caller, House, Witness
from tests.isolation.neighbours import Watchful, watchful

pytestmark = pytest.mark.anyio
ASSETS = "maintenance/assets"
MODES = (
    *(Isolation.shared,) * 38,
    *(Isolation.schema,) * 6,
    *(Isolation.database,) * 6,
)
ROUNDS = 8
LEFT = """
SELECT COALESCE(current_setting('insula.tenant', true), '')
       || COALESCE(NULLIF(current_setting('search_path'), '""'), '')
"""
ECHO = Statement(f"WITH {CONTEXT} SELECT tenant_id FROM ctx")


class WatchedPools(Pools):
    """Pools that look at every connection before they lend it."""

    def __init__(self, **_: int) -> None:
        super().__init__(budget=2, share=2, patience=20)
        self.left: list[str] = []
        self.lent = 0

    async def acquire(self, login: Login) -> tuple[Pool, Connection]:
        """Borrow a connection on which nothing is left."""
        pool, connection = await super().acquire(login)
        assert self.open <= self.budget
        self.lent += 1
        try:
            await self.look(connection)
        except BaseException:
            await asyncio.shield(self._recover(pool, connection))
            raise
        return pool, connection

    async def look(self, connection: Connection) -> None:
        """Note an open transaction or a setting of whoever had it before."""
        with suppress(asyncpg.InFailedSQLTransactionError):
            left = await connection.fetchval(LEFT)
            if left:
                self.left.append(left)
        if connection.is_in_transaction():
            self.left.append("a transaction")


@pytest.fixture
async def pools_of_two() -> AsyncIterator[WatchedPools]:
    """Two connections at most."""
    pools = WatchedPools()
    yield pools
    await pools.close()


@pytest.fixture
async def small_house(
    cluster: Cluster, homes: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    """The whole application over two connections."""
    monkeypatch.setattr(composition, "Pools", WatchedPools)
    settings = Settings(data_dir=tmp_path, **UNLIMITED)
    platform, witness = Platform(settings, cluster, registered_apps()), Witness()
    platform.listen()
    await platform.bus.start()
    house = House(platform, build_app(platform, {}, witness), witness)
    async with house.http:
        yield house
    await platform.close()


@pytest.mark.parametrize("steps", range(12))
async def test_a_transaction_given_up_anywhere_leaves_nothing(
    homes: Homes, pools_of_two: WatchedPools, steps: int
) -> None:
    """D4, pitfalls 1, 9: BEGIN may be under way when nobody waits for it any more."""
    session = Session(pools_of_two, await homes.shared(), uuid7())

    async def work() -> None:
        async with session.transaction() as transaction:
            await transaction.fetch(ECHO)
        await session.fetch(ECHO)

    for turn in range(20):
        task = asyncio.create_task(work())
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.sleep(turn * 0.0001)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await session.fetch(ECHO)
    assert pools_of_two.left == []
    # One more may be open: what a caller left while it was opened, the next one uses.
    idle = [len(pool.idle) for pool in pools_of_two._pools.values()]
    assert sum(idle) == pools_of_two.open <= pools_of_two.budget
    assert all(pool.busy == 0 for pool in pools_of_two._pools.values())


async def test_whoever_stops_waiting_lets_the_next_one_go_on(
    homes: Homes, pools_of_two: WatchedPools
) -> None:
    """Otherwise a connection lies idle while everybody waits for one."""
    login = (await homes.shared()).login
    held = [await pools_of_two.acquire(login) for _ in range(2)]
    first, second = (asyncio.create_task(pools_of_two.acquire(login)) for _ in range(2))
    await asyncio.sleep(0.01)
    await pools_of_two.release(*held[0])
    first.cancel()
    async with asyncio.timeout(2):
        await pools_of_two.release(*await second)
    await pools_of_two.release(*held[1])


async def test_fifty_tenants_share_two_connections(
    house: House, small_house: House
) -> None:
    """S1-61: lists, writes, actions and requests given up, all at once."""
    callers = [await resident(house, small_house, mode) for mode in MODES]
    for caller in callers:
        everybody = {it.host.split(".")[0] for it in callers}
        caller.secrets = everybody - {caller.host.split(".")[0]}
    work = [(caller, turn) for caller in callers for turn in range(ROUNDS)]
    random.Random(20).shuffle(work)  # noqa: S311  # the same order every time
    done: Counter[str] = Counter()
    queue = iter(work)

    async def worker() -> None:
        for caller, turn in queue:
            done.update([await visit(caller, callers, turn)])

    await asyncio.gather(*(worker() for _ in range(8)))
    assert done.keys() >= {"listed", "acted", "given up", "refused"}
    for caller in callers:
        await every_write_is_whole(caller, small_house)
    pools = small_house.platform.pools
    assert isinstance(pools, WatchedPools)
    assert pools.left == []
    assert pools.lent > len(work)
    assert pools.open == sum(len(pool.idle) for pool in pools._pools.values()) <= 2
    assert small_house.witness.faults == []


async def resident(house: House, small: House, mode: Isolation) -> Watchful:
    """The owner of a new tenant, who asks the application of two connections."""
    tenant = await house.tenant(mode)
    owner = await house.user(tenant)
    return watchful(Caller(small.http, owner.host, owner.token, owner.actor_id))


async def visit(caller: Watchful, callers: list[Watchful], turn: int) -> str:
    """One of the things that somebody does, and what it was."""
    slug = caller.host.split(".")[0]
    body = {"name": slug, "tag": f"{uuid7()}"}
    match turn % 4:
        case 0:
            rows = (await caller.get(f"{ASSETS}?per_page=100")).data
            assert all(row["name"] == slug for row in rows)
            return "listed"
        case 1:
            made = await caller.create(ASSETS, **body)
            down = f"{ASSETS}/{made['id']}/take-down"
            row = (await caller.post(down, {"reason": slug})).data
            assert (row["name"], row["state"]) == (slug, "down")
            return "acted"
        case 2:
            other = callers[callers.index(caller) - turn]
            answer = await caller.get(ASSETS, headers={"host": other.host})
            assert (answer.status, answer.code) == (403, "TENANT_MISMATCH")
            return "refused"
        case _:
            task = asyncio.create_task(create_and_act(caller, body))
            await asyncio.sleep(0.0004 * ((7 * turn + callers.index(caller)) % 23))
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            return "given up"


async def create_and_act(caller: Watchful, body: dict[str, str]) -> None:
    """Two requests, in the middle of which the caller may go away."""
    made = await caller.create(ASSETS, **body)
    await caller.post(f"{ASSETS}/{made['id']}/take-down", {"reason": body["name"]})


async def every_write_is_whole(caller: Watchful, house: House) -> None:
    """Each row is ours, and has its audit and its event, each once."""
    tenant = await house.platform.directory.at_host(caller.host)
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        (row,) = await transaction.fetch(WHOLE)
    assert row["assets"] > 0
    assert row["assets"] == row["audited"] == row["told"] == row["named"]
    assert row["down"] == row["downtimes"] == row["fallen"]


WHOLE = Statement(
    "SELECT (SELECT count(*) FROM home__.maintenance_assets WHERE tenant_id = $1::uuid)"
    " AS assets, (SELECT count(DISTINCT a.id) FROM home__.maintenance_assets a"
    " JOIN home__.audit_log l ON l.tenant_id = a.tenant_id AND l.resource_id = a.id"
    " WHERE a.tenant_id = $1::uuid AND l.action = 'maintenance.assets.create') AS audited,"
    " (SELECT count(*) FROM home__.outbox WHERE tenant_id = $1::uuid"
    " AND name = 'maintenance.asset.created') AS told,"
    " (SELECT count(*) FROM home__.audit_log WHERE tenant_id = $1::uuid"
    " AND action = 'maintenance.assets.create') AS named,"
    " (SELECT count(*) FROM home__.maintenance_assets WHERE tenant_id = $1::uuid"
    " AND state = 'down') AS down,"
    " (SELECT count(*) FROM home__.maintenance_asset_downtimes"
    " WHERE tenant_id = $1::uuid) AS downtimes,"
    " (SELECT count(*) FROM home__.outbox WHERE tenant_id = $1::uuid"
    " AND name = 'maintenance.asset.down') AS fallen"
)
