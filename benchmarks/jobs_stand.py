"""The stand: an installation with tenants, and worker processes that come and go."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from benchmarks.floor_server import ROOT, DidNotStart, free_port
from benchmarks.platform import make_tenant, sign_in
from benchmarks.postgres import Postgres
from insula.kernel.database.home import Isolation
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.settings import Settings
from insula.kernel.identity.passwords import hash_password
from insula.kernel.jobs.request import NewJob, insert_jobs
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import WORK, Platform, open_platform

PATIENCE = 120.0
PLAN = """
INSERT INTO control.plans (id, slug, name, price, limits)
VALUES ($1, $2, $2, 0, jsonb_build_object('job_weight', $3::int))"""
CANCEL = "UPDATE {home}.jobs SET state = 'cancelled', ended_at = now() WHERE {live}"
LIVE = "state IN ('queued', 'dispatched')"


class TooSlow(DidNotStart):
    """What was waited for did not come."""


@dataclass(frozen=True, slots=True)
class Stand:
    """What the measurements are made on."""

    house: Platform
    postgres: Postgres
    settings: Settings
    pool: asyncpg.Connection
    hashed: str

    async def plan(self, slug: str, weight: int) -> str:
        """A plan that gives its tenants a weight."""
        await self.house.control.fetch(PLAN, uuid7(), slug, weight)
        return slug

    async def tenant(self, slug: str, plan: str | None = None) -> Tenant:
        """A tenant in the shared home."""
        return await make_tenant(
            self.house, slug, Isolation.shared, self.hashed, plan=plan
        )

    async def token(self, tenant: Tenant) -> str:
        """What its owner signs requests with."""
        return (await sign_in(self.house, tenant)).token

    async def ask(
        self, tenants: Sequence[Tenant], task: str, count: int, **command: Any
    ) -> str:
        """Ask for so many jobs of each tenant; the mark that they carry."""
        mark = f"bench_{uuid7().hex}"
        for tenant in tenants:
            jobs = [NewJob(task, command, request_id=mark) for _ in range(count)]
            session = self.house.open_session(tenant.home, tenant.id)
            async with session.transaction() as transaction:
                await insert_jobs(transaction, jobs)
            self.house.bus.mention(WORK, tenant.id)
        return mark

    async def fetch(self, tenant: Tenant, text: str, *args: object) -> list[Any]:
        """Rows of the shared home, as the superuser sees them."""
        return list(await self.pool.fetch(text.format(home=tenant.home.schema), *args))

    async def ended(self, tenant: Tenant, mark: str, count: int) -> list[Any]:
        """The jobs of a mark, once so many have ended."""
        sql = "FROM {home}.jobs WHERE request_id = $1 AND ended_at IS NOT NULL"

        async def all_ended() -> bool:
            found = await self.fetch(tenant, f"SELECT count(*) {sql}", mark)
            return bool(found[0][0] >= count)

        await until(all_ended)
        return await self.fetch(tenant, f"SELECT * {sql} ORDER BY ended_at", mark)

    async def clear(self, tenant: Tenant) -> None:
        """Cancel what waits, and let what runs end."""
        await self.fetch(tenant, CANCEL.replace("{live}", LIVE))
        await asyncio.sleep(1)

    @contextmanager
    def worker(self) -> Iterator[int]:
        """One worker process."""
        log = self.settings.data_dir / "worker.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.jobs_worker"],
                cwd=ROOT,
                env=os.environ | {"INSULA_DATA_DIR": str(self.settings.data_dir)},
                stdout=output,
                stderr=output,
            )
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(timeout=30)

    async def present(self, count: int) -> None:
        """Wait until so many workers are at work."""
        sql = "SELECT count(*) FROM control.workers WHERE seen_at > now() - interval '3 s'"

        async def there() -> bool:
            return bool((await self.house.control.fetch(sql))[0][0] >= count)

        try:
            await until(there)
        except TimeoutError:
            log = (self.settings.data_dir / "worker.log").read_text()[-2000:]
            raise TooSlow(f"the worker did not start:\n{log}") from None


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something to be so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def stand(settings: Settings, postgres: Postgres) -> AsyncIterator[Stand]:
    """A prepared installation."""
    async with open_platform(settings) as house:
        await house.bus.start()
        pool = await asyncpg.connect(
            postgres.dsn(house.cluster.pool), server_settings={"jit": "off"}
        )
        hashed = await hash_password("not a secret here")
        try:
            yield Stand(house, postgres, settings, pool, hashed)
        finally:
            await pool.close()


def settings_of(data_dir: Any) -> Settings:
    """The settings of a throw-away installation."""
    return Settings(data_dir=data_dir, port=free_port(), workers_min=0)
