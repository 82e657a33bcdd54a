"""PostgreSQL may die in the middle of provisioning (promise 4)."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from insula.kernel.database.bootstrap import prepare
from insula.kernel.database.cluster import cluster_of
from insula.kernel.database.embedded import EmbeddedPostgres
from insula.kernel.database.home import Isolation
from insula.kernel.database.pool import Pools
from insula.kernel.plans.standard import ensure_plans
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.provisioning import NewTenant, Provisioning
from insula.kernel.tenancy.saga_record import SagaInterrupted
from insula.kernel.tenancy.series import KERNEL
from tests.kernel.tenancy.crash import provisioning_of, sabotage

pytestmark = pytest.mark.anyio


class Mortal:
    """An installation on a server of its own, which can be killed."""

    def __init__(self, folder: Path, pools: Pools) -> None:
        self.pools, self.postgres = pools, EmbeddedPostgres(folder)
        self.lock = folder / "pgdata" / "postmaster.pid"

    async def open(self) -> Provisioning:
        address = self.postgres.start()
        cluster = cluster_of(address, prefix="insula", key=b"k" * 32)
        await prepare(cluster)
        control = Control(self.pools, cluster.app(cluster.control))
        homes = Homes(control, cluster, [KERNEL])
        await homes.prepare()
        await ensure_plans(control)
        return provisioning_of(control, homes, self.pools)

    def kill(self) -> None:
        """Kill the server, and start it again."""
        os.kill(int(self.lock.read_text().split()[0]), signal.SIGKILL)
        while self.postgres.alive():
            time.sleep(0.01)
        assert self.postgres.restart_if_dead()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's account can reach."""
    folder = Path(tempfile.mkdtemp(prefix="insula-death-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def mortal(folder: Path) -> AsyncIterator[Mortal]:
    mortal = Mortal(folder / "data", Pools(budget=8))
    yield mortal
    await mortal.pools.close()
    mortal.postgres.stop()


async def test_a_tenant_outlives_the_death_of_the_server(mortal: Mortal) -> None:
    provisioning = await mortal.open()
    for step in ("place", "build", "subscribe"):
        dying = await mortal.open()
        sabotage(dying, step, mortal.kill)
        new = NewTenant(slug=f"dead-{step}", name="X", isolation=Isolation.database)
        with pytest.raises(SagaInterrupted):
            await dying.create(new)
        assert list((await provisioning.resume_all()).values()) == [None]
        assert (await provisioning.find(new.slug)).state is State.active
