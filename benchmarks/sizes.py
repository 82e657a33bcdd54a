"""What an installation costs as it grows: starts, new tenants, memory, a migration.

``python -m benchmarks.sizes`` prints the figures; they are of this machine alone.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import IO

from benchmarks.floor_server import ROOT, free_port
from benchmarks.platform import AMPLE
from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.home import Isolation
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.settings import Settings
from insula.kernel.identity.sessions import Origin
from insula.kernel.tenancy.new_tenant import NewTenant
from insula.server.platform import Platform, open_platform

OWNER, HASH = "owner@sizes.test", "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$fO8DYpTeKxQ"
"""Owners get their sessions directly: a thousand passwords would take minutes."""
PATIENCE = 60.0

CURRENT_HOMES = """
INSERT INTO control.homes (id, server_id, isolation, database, schema, version,
                           migrated_at)
SELECT gen_random_uuid(), server_id, 'schema', database,
       'tenant_' || replace(gen_random_uuid()::text, '-', ''), version, now()
  FROM control.homes, generate_series(1, $1::int) WHERE isolation = 'shared'
"""


class DidNotStart(Exception):
    """The platform did not start; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Started:
    """A platform that runs: its server process, and how long it took to be ready."""

    settings: Settings
    worker: int
    seconds: float

    def resident_mebibytes(self) -> float:
        """What the server process holds in memory."""
        status = Path(f"/proc/{self.worker}/status").read_text()
        (line,) = (it for it in status.splitlines() if it.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


@contextmanager
def started(data_dir: Path) -> Iterator[Started]:
    """``insula up`` on a data folder, for the length of the block."""
    settings, log = Settings(data_dir=data_dir, port=free_port()), data_dir / "up.log"
    data_dir.mkdir(exist_ok=True)
    began = time.monotonic()
    with log.open("wb") as output:
        process = _insula(settings, "up", "--port", str(settings.port), output=output)
    try:
        while "Insula is ready" not in log.read_text():
            late = time.monotonic() - began > PATIENCE
            if late or process.poll() is not None:
                raise DidNotStart(log.read_text())
            time.sleep(0.01)
        seconds = time.monotonic() - began
        yield Started(settings, _worker_of(process.pid), seconds)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _insula(
    settings: Settings, *args: str, output: IO[bytes] | int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "insula", *args],
        cwd=ROOT,
        env=os.environ | AMPLE | {"INSULA_DATA_DIR": str(settings.data_dir)},
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def _worker_of(pid: int) -> int:
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    children = (line.split(maxsplit=1) for line in listed.stdout.splitlines())
    return next(int(child) for child, name in children if "spawn_main" in name)


async def provisioning_seconds(
    platform: Platform, *, repeats: int
) -> Mapping[Isolation, float]:
    """How long a warm process takes to make a tenant, by mode; the middle of some."""
    found = dict[Isolation, float]()
    for isolation in Isolation:
        times = list[float]()
        for _ in range(repeats + 1):
            began = time.perf_counter()
            await platform.provisioning.create(_new(isolation))
            times.append(time.perf_counter() - began)
        found[isolation] = median(times[1:])
    return found


def _new(isolation: Isolation) -> NewTenant:
    slug = f"size-{uuid7().hex}"
    return NewTenant(
        slug=slug,
        name=slug,
        isolation=isolation,
        owner_email=OWNER,
        owner_password_hash=HASH,
    )


async def make(platform: Platform) -> str:
    """A new shared tenant with an owner and an app; its slug."""
    view = await platform.provisioning.create(_new(Isolation.shared))
    await platform.installations.install(view.id, "maintenance")
    return view.slug


async def token(platform: Platform, slug: str) -> str:
    """A signed-in owner's token."""
    view = await platform.provisioning.find(slug)
    tenant = await platform.directory.with_id(view.id)
    session = platform.open_session(tenant.home, tenant.id)
    visitor = Context(Actor(ActorKind.visitor, None), tenant=tenant, session=session)
    realm = platform.identity.users(visitor)
    owner = await realm.accounts.find(OWNER)
    assert owner is not None
    origin = Origin("sizes", "127.0.0.1")
    return (await realm.begin(owner, ("pwd",), origin)).access_token


def visit(port: int, slug: str, bearer: str) -> int:
    """One request of a tenant; its status."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {"Host": f"{slug}.localhost", "Authorization": f"Bearer {bearer}"}
    try:
        connection.request("GET", "/api/v1/maintenance/assets", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


async def mebibytes_after(on: Started, platform: Platform, *, tenants: int) -> float:
    """What the server holds after that many shared tenants came by once."""
    for _ in range(tenants):
        slug = await make(platform)
        bearer = await token(platform, slug)
        assert await asyncio.to_thread(visit, on.settings.port, slug, bearer) == 200
    return on.resident_mebibytes()


async def migration_seconds(
    on: Started, platform: Platform, *, homes: int
) -> tuple[float, float]:
    """How long ``insula migrate`` takes over current homes: its work, and all of it."""
    await platform.control.fetch(CURRENT_HOMES, homes)
    began = time.perf_counter()
    process = _insula(on.settings, "migrate", "--json", output=subprocess.PIPE)
    said, _ = await asyncio.to_thread(process.communicate)
    took = time.perf_counter() - began
    report = json.loads(said)
    assert (process.returncode, report["migrated"]) == (0, 0), said
    return report["seconds"], took


async def figures(on: Started, *, tenants: int, homes: int) -> Iterator[str]:
    """Every figure of a running platform, as a line."""
    async with open_platform(on.settings) as platform:
        empty = on.resident_mebibytes()
        modes = await provisioning_seconds(platform, repeats=5)
        full = await mebibytes_after(on, platform, tenants=tenants)
        work, whole = await migration_seconds(on, platform, homes=homes)
    return iter(
        [
            *(f"a new {mode} tenant: {s * 1000:.0f} ms" for mode, s in modes.items()),
            f"server process, nobody there: {empty:.0f} MiB",
            f"server process, {tenants} tenants visited: {full:.0f} MiB",
            f"migrate over {homes} current homes: {work:.2f} s ({whole:.2f} in all)",
        ]
    )


def main() -> None:
    """Print the figures."""
    parser = ArgumentParser(prog="python -m benchmarks.sizes", description=__doc__)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--homes", type=int, default=1000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="insula-sizes-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL's own user must get through
        data_dir = Path(folder) / "data"
        with started(data_dir) as first:
            print(f"first start: {first.seconds:.1f} s")
        with started(data_dir) as later:
            print(f"later start: {later.seconds:.1f} s")
            work = figures(later, tenants=chosen.tenants, homes=chosen.homes)
            print("\n".join(asyncio.run(work)))


if __name__ == "__main__":
    main()
