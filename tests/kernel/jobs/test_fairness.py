"""Fairness: who asks for little is not behind who asks for much."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.jobs.dispatching import SHARE, Dispatcher
from insula.kernel.jobs.request import NewJob, insert_jobs
from insula.kernel.jobs.tickets import SLOTS, Ticket
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House

pytestmark = pytest.mark.anyio

LOSE = Statement(
    "UPDATE home__.jobs SET dispatched_at = $2 WHERE tenant_id = $1::text::uuid"
    " AND state = 'dispatched'"
)


class Counter:
    """Where tickets are issued."""

    def __init__(self, house: House, tenant: Tenant, jobs: int) -> None:
        self.tickets: list[Ticket] = []
        self.tenant, self.jobs = tenant, jobs
        self.session = house.platform.open_session(tenant.home, tenant.id)
        self.dispatcher = Dispatcher({}, self.issue)

    async def issue(self, tickets: Sequence[Ticket], _: int) -> None:
        """Take them."""
        self.tickets += tickets

    async def fill(self) -> None:
        """Have that many jobs wait."""
        async with self.session.transaction() as transaction:
            jobs = [NewJob("try.nothing", {}) for _ in range(self.jobs)]
            await insert_jobs(transaction, jobs)

    async def dispatch(self, weight: int = 1) -> None:
        """Give out what may be given out."""
        async with self.session.transaction() as transaction:
            await self.dispatcher.dispatch(transaction, self.tenant.id, weight)


@pytest.fixture
async def flood(house: House) -> Counter:
    """A tenant with many jobs."""
    made = Counter(house, await house.tenant(), 3 * SHARE)
    await made.fill()
    return made


async def test_a_tenant_has_at_most_its_share_of_tickets(flood: Counter) -> None:
    await flood.dispatch()
    await flood.dispatch()
    assert len(flood.tickets) == SHARE


async def test_a_plans_weight_is_a_larger_share(flood: Counter) -> None:
    await flood.dispatch(weight=2)
    assert len(flood.tickets) == 2 * SHARE


async def test_a_lost_ticket_is_issued_again(flood: Counter) -> None:
    """A ticket without an end for long is given up, and the job gets another."""
    await flood.dispatch()
    moment = now() - timedelta(hours=1)
    async with flood.session.transaction() as transaction:
        await transaction.fetch(LOSE, moment)
    await flood.dispatch()
    assert len(flood.tickets) == 2 * SHARE
    assert len({it.job_id for it in flood.tickets}) == SHARE


def test_ids_are_all_that_a_ticket_says() -> None:
    """What a job says never leaves its tenant's home."""
    assert {"tenant_id", "job_id", "queue", "version"} >= set(Ticket.__slots__)


def test_every_queue_has_its_slots() -> None:
    """S0-58, S0-59, S0-60, S0-61: three, two, two and one for each worker process."""
    by_name = {queue.value: slots for queue, slots in SLOTS.items()}
    assert by_name == {"default": 3, "webhooks": 2, "email": 2, "sync": 1}
