"""The log comes and goes by the month, and nobody notices but the verifier, who knows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.catalogue import faults
from insula.kernel.database.home import Isolation
from insula.kernel.database.pool import Connection
from insula.kernel.database.shadow import shadow_difference
from insula.kernel.events.audit.partitions import Rolled, roll_partitions
from insula.kernel.events.audit.verifying import Reason
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from tests.house import House
from tests.kernel.events.audit.ledger import WRITE, Ledger

pytestmark = pytest.mark.anyio
WHERE = """
SELECT tableoid::regclass::text, count(*) FROM {}.audit_log WHERE tenant_id = $1
 GROUP BY 1 ORDER BY 1
"""
THEN = datetime(2024, 3, 15, tzinfo=UTC)


@pytest.fixture
async def ledger(house: House) -> AsyncIterator[Ledger]:
    """The log of a tenant in a schema of its own, whose partitions are not shared."""
    tenant = await house.tenant(Isolation.schema, apps=())
    admin = house.platform.cluster.admin
    login = replace(admin, database=tenant.home.login.database)
    async with opened(login) as superuser:
        yield Ledger(house, tenant, superuser)


@pytest.fixture
async def owner(ledger: Ledger) -> AsyncIterator[Connection]:
    homes = ledger.house.platform.homes
    async with opened(homes.owner(ledger.tenant.home)) as connection:
        yield connection


async def roll(
    ledger: Ledger, owner: Connection, at: datetime, keep: int | None = 24
) -> Rolled:
    return await roll_partitions(owner, ledger.tenant.home.schema, at, keep)


async def places(ledger: Ledger) -> dict[str, int]:
    """How many entries are in which partition, by the end of its name."""
    schema = ledger.tenant.home.schema
    rows = await ledger.superuser.fetch(WHERE.format(schema), ledger.tenant.id)
    return {name.partition("audit_log_")[2]: count for name, count in rows}


async def test_the_coming_months_get_partitions_once(
    ledger: Ledger, owner: Connection
) -> None:
    """S2-92: and whoever runs it again, or earlier, does no harm."""
    first = await roll(ledger, owner, THEN)
    assert list(first.made) == [f"audit_log_2024_0{month}" for month in (4, 5, 6)]
    assert (await roll(ledger, owner, THEN)).made == []
    later = await roll(ledger, owner, THEN + timedelta(days=31))
    assert list(later.made) == ["audit_log_2024_07"]


async def test_entries_go_where_their_month_is(
    ledger: Ledger, owner: Connection
) -> None:
    await roll(ledger, owner, THEN)
    for days, count in ((0, 2), (31, 3), (61, 4)):
        await ledger.write(count, at=THEN + timedelta(days=days))
    found = await places(ledger)
    assert (found["2024_04"], found["2024_05"]) == (3, 4)
    assert found["rest"] >= 2


async def test_a_home_with_partitions_keeps_the_rules_for_data(
    ledger: Ledger, owner: Connection
) -> None:
    """D2: neither the gate nor the comparison with the models takes offence."""
    await roll(ledger, owner, THEN)
    homes, home = ledger.house.platform.homes, ledger.tenant.home
    roles = homes.cluster.roles
    assert await faults(owner, home.schema, roles) == []
    login = homes.owner(home)
    assert await shadow_difference(login, home.schema, homes.series, roles) == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE {0} DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE {0} NO FORCE ROW LEVEL SECURITY",
        "GRANT SELECT ON {0} TO PUBLIC",
        "CREATE POLICY more ON {0} USING (true)",
        "ALTER TABLE {0} OWNER TO {1}",
    ],
)
@pytest.mark.parametrize("name", ["audit_log_rest", "audit_log_2024_04"])
async def test_a_partition_that_can_be_asked_is_found(
    ledger: Ledger, owner: Connection, statement: str, name: str
) -> None:
    await roll(ledger, owner, THEN)
    home, roles = ledger.tenant.home, ledger.house.platform.cluster.roles
    table = f"{home.schema}.{name}"
    await ledger.superuser.execute(statement.format(table, roles.app))
    found = await faults(ledger.superuser, home.schema, roles)
    assert f"partition {name} can be asked past its parent" in found


async def test_what_is_too_old_goes_and_the_chain_tells_of_it(
    ledger: Ledger, owner: Connection
) -> None:
    """Retention by partition: the first month row by row, the others whole."""
    await roll(ledger, owner, THEN, None)
    old = [await ledger.write(5, at=THEN + timedelta(days=it)) for it in (0, 31, 61)]
    await ledger.write(2)
    await ledger.seal_all()
    rolled = await roll(ledger, owner, THEN + timedelta(days=80), 1)
    assert (list(rolled.dropped), rolled.deleted) == (["audit_log_2024_04"], 5)
    left = {it.id for it in await ledger.entries()}
    assert left >= set(old[2])
    assert not left & {*old[0], *old[1]}
    found, faults = await ledger.verification()
    assert faults == []
    assert found.counts.expired == 10
    again = await roll(ledger, owner, THEN + timedelta(days=80), 1)
    assert (again.dropped, again.deleted) == ([], 0)
    assert len(await ledger.links()) == found.counts.links


async def test_nothing_goes_while_something_must_be_kept(
    ledger: Ledger, owner: Connection
) -> None:
    await roll(ledger, owner, THEN, None)
    await ledger.write(5, at=THEN + timedelta(days=31))
    rolled = await roll(ledger, owner, now(), None)
    assert (rolled.dropped, rolled.deleted) == ([], 0)


async def test_a_deletion_after_an_expiry_is_still_named(
    ledger: Ledger, owner: Connection
) -> None:
    await roll(ledger, owner, THEN, None)
    await ledger.write(5, at=THEN)
    _, touched = await ledger.write(2, at=THEN + timedelta(days=61))
    await ledger.seal_all()
    await roll(ledger, owner, THEN + timedelta(days=80), 1)
    await ledger.tamper(
        "DELETE FROM {}.audit_log WHERE tenant_id = $1 AND id = $2", touched
    )
    assert await ledger.faults() == [f"entry {touched}: {Reason.deleted}"]


async def test_a_writer_is_not_held_up(ledger: Ledger, owner: Connection) -> None:
    """A step that meets a lock gives up within a moment, and is made by the next run."""
    async with ledger.session.transaction() as transaction:
        await transaction.fetch(WRITE, [uuid7()], now(), uuid7())
        assert len((await roll(ledger, owner, THEN)).waiting) > 0
    assert (await roll(ledger, owner, THEN)).waiting == []


async def test_all_rows_of_a_purged_tenant_leave_every_partition(
    ledger: Ledger, owner: Connection
) -> None:
    await roll(ledger, owner, THEN)
    await ledger.write(3, at=THEN + timedelta(days=31))
    await ledger.seal_all()
    homes = ledger.house.platform.homes
    await homes.purge(ledger.tenant.home, ledger.tenant.id)
    assert await places(ledger) == {}
    assert await ledger.links() == []
