"""Our side: the platform as it is shipped, with tenants in every kind of home."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks.cases import HOMES, ROWS, SPREAD, SPREAD_ROWS, Side, Target
from benchmarks.floor_server import ROOT, fill, free_port, wait_for_port
from benchmarks.postgres import Postgres, embedded_postgres
from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.home import Isolation
from insula.kernel.foundation.settings import Settings
from insula.kernel.identity.passwords import hash_password
from insula.kernel.identity.sessions import Origin
from insula.kernel.tenancy.new_tenant import NewTenant
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import Platform as House
from insula.server.platform import open_platform

AMPLE = {"INSULA_LIMIT_USER": "1000000000", "INSULA_LIMIT_TENANT": "1000000000"}
"""Every request is counted, and none refused: one user asks for a whole crowd."""

LIST = "/api/v1/maintenance/assets?per_page=20"
CREATE = "/api/v1/maintenance/assets"
APP, TABLE = "maintenance", "maintenance_assets"


@dataclass(frozen=True, slots=True)
class Platform:
    """A running platform and the PostgreSQL that the floor shares with it."""

    side: Side
    postgres: Postgres


@contextmanager
def platform(data_dir: Path) -> Iterator[Platform]:
    """Start the platform in a directory of its own and give its tenants their rows."""
    with embedded_postgres(data_dir) as postgres:
        settings = Settings(data_dir=data_dir, port=free_port())
        tenants = asyncio.run(_furnish(settings, postgres))
        big = dict(zip(HOMES, tenants, strict=False))
        many = tenants[len(HOMES) :]
        with serving(settings) as pid:
            side = Side(settings.port, pid, LIST, CREATE, big, many)
            yield Platform(side, postgres)


@contextmanager
def serving(settings: Settings) -> Iterator[int]:
    """One `insula serve`, with every feature on."""
    log = settings.data_dir / "server.log"
    command = [sys.executable, "-m", "insula", "serve", "--port", str(settings.port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | AMPLE | {"INSULA_DATA_DIR": str(settings.data_dir)},
            stdout=output,
            stderr=output,
        )
    try:
        wait_for_port(settings.port, process, log)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


async def _furnish(settings: Settings, postgres: Postgres) -> list[Target]:
    """The tenants, one for each kind of home and then the many, with their assets."""
    async with open_platform(settings) as house:
        hashed = await hash_password("not a secret here")
        homes = [*HOMES, *["shared"] * SPREAD]
        found = [
            await make_tenant(house, f"bench-{number}", Isolation(home), hashed)
            for number, home in enumerate(homes)
        ]
        await _fill_all(postgres, found)
        return [await sign_in(house, tenant) for tenant in found]


async def make_tenant(
    house: House, slug: str, isolation: Isolation, hashed: str, plan: str | None = None
) -> Tenant:
    """A tenant with an owner and the app."""
    view = await house.provisioning.create(
        NewTenant(
            slug=slug,
            name=slug,
            isolation=isolation,
            owner_email="owner@bench.test",
            owner_password_hash=hashed,
            plan=plan,
        )
    )
    await house.installations.install(view.id, APP)
    return await house.directory.with_id(view.id)


async def sign_in(house: House, tenant: Tenant) -> Target:
    """A signed-in owner; signing in by password a thousand times would take minutes."""
    session = house.open_session(tenant.home, tenant.id)
    nobody = Actor(ActorKind.visitor, None)
    realm = house.identity.users(Context(nobody, tenant=tenant, session=session))
    owner = await realm.accounts.find("owner@bench.test")
    assert owner is not None
    signed_in = await realm.begin(owner, ("pwd",), Origin("benchmark", "127.0.0.1"))
    return Target(tenant.domain, signed_in.access_token)


async def _fill_all(postgres: Postgres, tenants: Sequence[Tenant]) -> None:
    single, many = tenants[: len(HOMES)], tenants[len(HOMES) :]
    for tenant in single:
        await _fill(postgres, [tenant], ROWS)
    await _fill(postgres, many, SPREAD_ROWS)


async def _fill(postgres: Postgres, tenants: Sequence[Tenant], rows: int) -> None:
    home = tenants[0].home
    connection = await asyncpg.connect(postgres.dsn(home.login.database))
    table = f"{home.schema}.{TABLE}"
    await fill(connection, table, [tenant.id for tenant in tenants], rows)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
