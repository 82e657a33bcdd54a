"""Places in a queue: who is served when, over the real engine's tables."""

from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.foundation.ids import uuid7
from insula.kernel.jobs.models import Queue
from insula.kernel.jobs.places import FAR, STEP
from insula.kernel.jobs.tickets import Issuer, Ticket, install
from insula.server.platform import Platform
from tests.house import House

pytestmark = pytest.mark.anyio

FIRST = """
DELETE FROM queue.pgqueuer WHERE id = (
    SELECT id FROM queue.pgqueuer WHERE entrypoint = 'sync' AND status = 'queued'
     ORDER BY priority DESC, id LIMIT 1) RETURNING payload"""
WAITING = "SELECT count(*) FROM queue.pgqueuer"


class Line:
    """The queue ``sync``, and tenants that want something of it."""

    def __init__(self, platform: Platform) -> None:
        self._fetch = platform.control.fetch
        cluster = platform.cluster
        self.issuer = Issuer(cluster.app(cluster.control))
        self.platform = platform

    async def clear(self) -> None:
        """Nobody waits, and nobody ever has."""
        for table in ("queue.pgqueuer", "control.queue_places"):
            await self._fetch(f"DELETE FROM {table}")  # ours

    async def ask(self, tenant_id: UUID, count: int, weight: int = 1) -> None:
        """Issue tickets."""
        tickets = [Ticket(tenant_id, uuid7(), 1, Queue.sync) for _ in range(count)]
        await self.issuer.issue(tickets, weight)

    async def serve(self) -> UUID:
        """Take the first ticket, as the engine does; whose it was."""
        return UUID(bytes=(await self._fetch(FIRST))[0]["payload"][:16])

    async def waiting(self) -> int:
        """How many tickets wait."""
        count: int = (await self._fetch(WAITING))[0][0]
        return count


@pytest.fixture
async def line(house: House) -> AsyncIterator[Line]:
    """An empty queue."""
    platform = house.platform
    cluster = platform.cluster
    async with opened(cluster.owner(cluster.control)) as owner:
        await install(owner, cluster.roles.app)
    made = Line(platform)
    await made.clear()
    yield made
    made.issuer.close()
    await made.clear()


async def test_who_always_wants_something_is_served_by_weight(
    house: House, line: Line
) -> None:
    """Three to one, through any number of refills of unlike size."""
    heavy, light = (await house.tenant()).id, (await house.tenant()).id
    served: Counter[UUID] = Counter()
    wanting = {heavy: (30, 3), light: (10, 1)}
    for tenant_id, (count, weight) in wanting.items():
        await line.ask(tenant_id, count, weight)
    for turn in range(240):
        served[await line.serve()] += 1
        if turn % 8 == 7:  # the light one is refilled first, and has its fill
            for tenant_id, (_, weight) in reversed(wanting.items()):
                left = served[tenant_id]
                served[tenant_id] = 0
                served[UUID(int=tenant_id.int + 1)] += left
                await line.ask(tenant_id, left, weight)
            assert await line.waiting() == sum(count for count, _ in wanting.values())
    ratio = served[UUID(int=heavy.int + 1)] / served[UUID(int=light.int + 1)]
    assert ratio == pytest.approx(3, rel=0.1)


async def test_who_comes_late_is_next(house: House, line: Line) -> None:
    """Behind one ticket at most of the tenant that floods the queue."""
    flood, late = (await house.tenant()).id, (await house.tenant()).id
    await line.ask(flood, 40)
    for _ in range(10):
        await line.serve()
    await line.ask(late, 1)
    assert late in {await line.serve(), await line.serve()}


async def test_nobody_starves(house: House, line: Line) -> None:
    """Tenants that come again and again do not keep one away that waits."""
    waits, small = (await house.tenant()).id, [await house.tenant() for _ in range(3)]
    await line.ask(waits, 40)
    for tenant in small:
        await line.ask(tenant.id, 1)
    served: Counter[UUID] = Counter()
    for _ in range(80):
        whose = await line.serve()
        served[whose] += 1
        if whose != waits:
            await line.ask(whose, 1)
    assert served[waits] == pytest.approx(20, abs=2)


async def test_what_one_had_while_nobody_else_wanted_it_is_not_held_against_it(
    house: House, line: Line
) -> None:
    alone, other = (await house.tenant()).id, (await house.tenant()).id
    for _ in range(100):
        await line.ask(alone, 1)
        await line.serve()
    await line.ask(other, 10)
    await line.ask(alone, 10)
    assert Counter([await line.serve() for _ in range(10)])[alone] == 5


async def test_the_count_begins_again_before_it_ends(house: House, line: Line) -> None:
    """A priority of the engine has 32 bits, and a queue may be busy for years."""
    first, second = (await house.tenant()).id, (await house.tenant()).id
    for tenant_id in (first, second):
        await line.ask(tenant_id, 2)
    move = FAR - STEP
    fetch = line.platform.control.fetch
    await fetch("UPDATE queue.pgqueuer SET priority = priority - $1", move)
    await fetch("UPDATE control.queue_places SET place = place + $1", move)
    await line.ask(first, 2)
    rows = await fetch("SELECT -min(priority) AS last FROM queue.pgqueuer")
    assert rows[0]["last"] == 3 * STEP
    whose = [await line.serve() for _ in range(6)]
    assert whose == [first, second, first, second, first, first]
