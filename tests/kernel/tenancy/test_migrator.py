"""The migrator brings every home to the head, once, whatever becomes of one of them."""

import asyncio
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Column, DateTime, MetaData, Table

from insula.kernel.database.bootstrap import opened, prepare
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.home import Home, Isolation
from insula.kernel.database.migrations import Migrations
from insula.kernel.database.pool import Pools
from insula.kernel.database.walls import Roles
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.migrator import Progress, migrate_all
from insula.kernel.tenancy.series import KERNEL
from tests.conftest import remove

STEPS = {
    "0001": "CREATE TABLE trial_log (at timestamptz)",
    "0002": "INSERT INTO trial_log SELECT now() FROM pg_sleep(0.05)",
}
MODES = [Isolation.schema, Isolation.database, Isolation.schema, Isolation.schema]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Migrations:
    """A series that leaves one row in every home each time that it runs."""
    folder = tmp_path_factory.mktemp("trial")
    before = None
    for number, sql in STEPS.items():
        (folder / f"{number}_step.py").write_text(
            f"from alembic import op\nrevision, down_revision = '{number}', {before!r}"
            f"\n\ndef upgrade() -> None:\n    op.execute({sql!r})\n"
        )
        before = number
    metadata = MetaData()
    Table("trial_log", metadata, Column("at", DateTime(timezone=True)))
    return Migrations("trial", folder, metadata)


@pytest.fixture
async def installation(server: Cluster) -> AsyncIterator[tuple[Control, Cluster]]:
    """An installation of its own, because its shared home will have one table more."""
    prefix = f"t{secrets.token_hex(3)}"
    cluster = replace(server, prefix=prefix, roles=Roles.named(prefix))
    await prepare(cluster)
    pools = Pools(budget=8)
    yield Control(pools, cluster.app(cluster.control)), cluster
    await pools.close()
    await remove(cluster)


async def build(homes: Homes, modes: Sequence[Isolation]) -> list[Home]:
    built = [await homes.place(uuid7(), mode) for mode in modes]
    for home in built:
        await homes.build(home)
    return built


async def runs(homes: Homes, home: Home) -> int:
    async with opened(homes.owner(home)) as owner:
        log = f"{home.schema}.trial_log"
        return int(await owner.fetchval(f"SELECT count(*) FROM {log}"))


async def test_one_failing_home_does_not_stop_the_others(
    installation: tuple[Control, Cluster], trial: Migrations
) -> None:
    old = Homes(*installation, [KERNEL])
    await old.prepare()
    built = await build(old, MODES)
    async with opened(old.owner(built[2])) as owner:
        await owner.execute(f"CREATE TABLE {built[2].schema}.trial_log ()")
    new = Homes(*installation, [KERNEL, trial])
    heard: list[Progress] = []
    report = await migrate_all(new, parallel=3, progress=heard.append)
    [(failing, error)] = report.failed
    assert failing == built[2]
    assert "already exists" in error
    assert report.migrated == len(built)  # the shared home, too
    assert [one.done for one in heard] == [1, 2, 3, 4, 5]
    async with opened(old.owner(built[2])) as owner:
        await owner.execute(f"DROP TABLE {built[2].schema}.trial_log")
    again = await migrate_all(new, parallel=3)
    assert (again.migrated, again.failed) == (1, ())
    assert [await runs(new, home) for home in built] == [1] * len(built)


async def test_a_home_made_after_the_migration_is_born_current(
    installation: tuple[Control, Cluster], trial: Migrations
) -> None:
    """S4-05: each database home has the migrations of its own database."""
    await Homes(*installation, [KERNEL]).prepare()
    new = Homes(*installation, [KERNEL, trial])
    await migrate_all(new, parallel=2)
    built = await build(new, [Isolation.schema, Isolation.database])
    assert await new.stale() == []
    # A schema home is made from the models, so no step has run in it.
    assert [await runs(new, home) for home in built] == [0, 1]


async def test_a_clone_of_an_old_template_is_brought_up_to_date(
    installation: tuple[Control, Cluster], trial: Migrations
) -> None:
    await Homes(*installation, [KERNEL]).prepare()
    new = Homes(*installation, [KERNEL, trial])
    [home] = await build(new, [Isolation.database])
    assert await runs(new, home) == 1


SCRIPT = """
import asyncio, sys
from pathlib import Path
from sqlalchemy import Column, DateTime, MetaData, Table
import insula.kernel.events.journal, insula.kernel.identity.models
import insula.kernel.services.models
from insula.kernel.database.cluster import cluster_at
from insula.kernel.database.migrations import Migrations
from insula.kernel.database.pool import Pools
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy import homes, migrator, series

_, url, prefix, key, folder = sys.argv
cluster = cluster_at(url, prefix=prefix, key=bytes.fromhex(key))
metadata = MetaData()
Table("trial_log", metadata, Column("at", DateTime(timezone=True)))
trial = Migrations("trial", Path(folder), metadata)

async def main():
    control = Control(Pools(), cluster.app(cluster.control))
    place = homes.Homes(control, cluster, [series.KERNEL, trial])
    await migrator.migrate_all(place, parallel=1, progress=lambda p: print(p.done))

asyncio.run(main())
"""


async def test_a_killed_run_is_finished_by_the_next_and_no_step_runs_twice(
    installation: tuple[Control, Cluster], trial: Migrations
) -> None:
    old, (_, cluster) = Homes(*installation, [KERNEL]), installation
    await old.prepare()
    built = await build(old, [Isolation.schema] * 6)
    admin = cluster.admin
    url = f"postgresql://{admin.user}:{admin.password}@/{admin.database}"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-uc",
        SCRIPT,
        f"{url}?host={admin.host}&port={admin.port}",
        cluster.prefix,
        cluster.key.hex(),
        str(trial.folder),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"1\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    new = Homes(*installation, [KERNEL, trial])
    report = await migrate_all(new, parallel=2)
    assert report.failed == ()
    assert 0 < report.migrated <= len(built)
    assert [await runs(new, home) for home in built] == [1] * len(built)
