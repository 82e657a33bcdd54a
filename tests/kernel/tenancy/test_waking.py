"""Waking: no commit leaves work behind that nobody knows of."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from insula.kernel.foundation.clock import now
from insula.kernel.tenancy.tenant import Tenant
from insula.kernel.tenancy.waking import WakeUps
from tests.house import House

pytestmark = pytest.mark.anyio

NOTE = "SELECT * FROM control.awake_tenants WHERE tenant_id = $1"
OVER = """
UPDATE control.awake_tenants SET awake_until = now() - interval '1 second',
       look_at = now(), claimed_until = now() WHERE tenant_id = $1"""


class Night:
    """A tenant, its note, and relays that may look after it."""

    def __init__(self, house: House, tenant: Tenant) -> None:
        self.control, self.id = house.platform.control, tenant.id
        self.relay = WakeUps(self.control)

    async def note(self) -> Any:
        """The note about the tenant, if there is one."""
        rows = await self.control.fetch(NOTE, self.id)
        return rows[0] if rows else None

    async def taken(self) -> list[UUID]:
        """Who is due, of this tenant."""
        due = await self.relay.take(1000)
        return [it.tenant_id for it in due if it.tenant_id == self.id]


@pytest.fixture
async def night(house: House) -> Night:
    """A tenant that has just written something."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    await owner.create("maintenance/locations", name="Hall")
    return Night(house, tenant)


async def test_a_write_is_known_without_any_notice(night: Night) -> None:
    """Promise 4: the writer may be killed right behind its commit."""
    assert await night.taken() == [night.id]


async def test_two_relays_never_have_a_tenant_at_once(night: Night) -> None:
    assert await night.taken() == [night.id]
    assert await night.taken() == []


async def test_a_relay_that_died_is_followed_by_another(night: Night) -> None:
    await night.taken()
    note = await night.note()
    assert note["look_at"] - now() < timedelta(seconds=11)
    assert note["claimed_until"] - now() < timedelta(seconds=11)


async def test_who_has_no_work_is_looked_at_again_while_writers_rely_on_the_note(
    night: Night,
) -> None:
    await night.taken()
    await night.relay.put_back(night.id, None)
    note = await night.note()
    assert note["look_at"] - now() < timedelta(seconds=11)


async def test_who_has_no_work_sleeps_when_nobody_relies_on_the_note(
    night: Night,
) -> None:
    await night.control.fetch(OVER, night.id)
    assert await night.taken() == [night.id]
    await night.relay.put_back(night.id, None)
    assert await night.note() is None


async def test_a_notice_in_the_middle_of_a_turn_is_not_lost(night: Night) -> None:
    await night.taken()
    await night.relay.hurry([night.id])
    await night.relay.put_back(night.id, now() + timedelta(hours=2))
    assert await night.taken() == [night.id]


async def test_a_job_for_later_is_looked_at_in_time(night: Night) -> None:
    await night.control.fetch(OVER, night.id)
    await night.taken()
    later = now() + timedelta(hours=2)
    await night.relay.put_back(night.id, later)
    assert (await night.note())["look_at"] == later


async def test_one_note_serves_many_writes(night: Night) -> None:
    assert not night.relay.awake(night.id)
    await night.relay.rouse(night.id)
    assert night.relay.awake(night.id)
