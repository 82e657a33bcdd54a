"""One real PostgreSQL for all tests: embedded, or INSULA_TEST_DATABASE_URL."""

import gc
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from insula.kernel.database.bootstrap import opened, prepare
from insula.kernel.database.cluster import Cluster, cluster_at, cluster_of
from insula.kernel.database.embedded import EmbeddedPostgres
from insula.kernel.database.pool import Pools
from insula.kernel.foundation.settings import Settings
from insula.kernel.identity.passwords import LEAST, STANDARD, use_cost
from insula.kernel.plans.standard import ensure_plans
from insula.kernel.resource.engine import registered_apps
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes
from insula.server.build import build_app
from insula.server.platform import Platform, series_of
from tests.house import House, Witness

UNLIMITED: dict[str, Any] = {
    f"limit_{it}": 0
    for it in (
        "anonymous",
        "auth",
        "login",
        "logins",
        "user",
        "tenant",
        "search",
        "bulk",
    )
}
"""All tests come from one address, and faster than anybody would."""


ROOM = 8 * 2**30
"""Bytes that must be free where the tests' server is kept in memory."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """How the tests of pages are told that they must not be skipped."""
    parser.addoption(
        "--require-browser",
        action="store_true",
        help="fail, rather than skip, where no Chromium is found",
    )
    parser.addoption(
        "--sql-alone",
        action="store_true",
        help="leave out every test that never speaks to the tests' own PostgreSQL",
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is there before the first test stays: nobody need look for rubbish in it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)  # as a server does
        gc.enable()


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Another server cannot change the outcome of what asks no server for anything."""
    if config.getoption("sql_alone"):
        left_out = [it for it in items if "server" not in fixtures_of(it)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [it for it in items if "server" in fixtures_of(it)]


def fixtures_of(item: pytest.Item) -> list[str]:
    """The fixtures that a test uses, also by way of others."""
    return item.fixturenames if isinstance(item, pytest.Function) else []


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One event loop for the session, so that its fixtures may keep connections."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def cheap_hashing() -> None:
    """Nobody attacks the passwords of tests, and each would take a fifth of a second."""
    use_cost(LEAST)


@pytest.fixture
def real_hashing() -> Iterator[None]:
    """Passwords are hashed as an installation does, for who measures or proves that."""
    use_cost(STANDARD)
    yield
    use_cost(LEAST)


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    """A server on which the tests' installation has a name of its own."""
    prefix, key = f"t{secrets.token_hex(3)}", secrets.token_bytes(32)
    if url := os.environ.get("INSULA_TEST_DATABASE_URL"):
        yield cluster_at(url, prefix=prefix, key=key)
        return
    folder = Path(tempfile.mkdtemp(prefix="insula-tests-", dir=memory()))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder / "data")
    try:
        yield cluster_of(postgres.start(), prefix=prefix, key=key)
    finally:
        postgres.stop()
        shutil.rmtree(folder)


def memory() -> Path | None:
    """Where files are kept in memory, if there is room: tests wait for no disk."""
    found = Path("/dev/shm")  # a folder of random name is made in it
    roomy = found.is_dir() and shutil.disk_usage(found).free > ROOM
    return found if roomy else None


@pytest.fixture(scope="session")
async def cluster(server: Cluster) -> AsyncIterator[Cluster]:
    """The prepared server; everything of ours is gone in the end.

    The embedded one goes as a whole: dropping its databases first took half a minute.
    """
    await prepare(server)
    yield server
    if "INSULA_TEST_DATABASE_URL" in os.environ:
        await remove(server)


@pytest.fixture(scope="session")
async def pools(cluster: Cluster) -> AsyncIterator[Pools]:
    """The connections of the tests."""
    pools = Pools(budget=24)
    yield pools
    await pools.close()


@pytest.fixture(scope="session")
def control(pools: Pools, cluster: Cluster) -> Control:
    """The door to the control database."""
    return Control(pools, cluster.app(cluster.control))


@pytest.fixture(scope="session")
async def homes(control: Control, cluster: Cluster) -> Homes:
    """The homes of the installation; the template and the shared one are there."""
    homes = Homes(control, cluster, series_of(registered_apps()))
    await homes.prepare()
    return homes


@pytest.fixture(scope="session")
async def platform(
    cluster: Cluster, homes: Homes, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """The platform over the tests' installation, listening as a server does."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"), connections=24, **UNLIMITED
    )
    platform = Platform(settings, cluster, registered_apps())
    await ensure_plans(platform.control)
    platform.listen()
    await platform.bus.start()
    yield platform
    await platform.close()


@pytest.fixture(scope="session")
async def the_house(platform: Platform) -> AsyncIterator[House]:
    """The whole application; use ``house``, which looks for faults afterwards."""
    witness = Witness()
    house = House(platform, build_app(platform, {}, witness), witness)
    async with house.http:
        yield house


@pytest.fixture
def house(the_house: House) -> Iterator[House]:
    """The whole application; a test during which it had a fault fails."""
    before = len(the_house.witness.faults)
    yield the_house
    faults = the_house.witness.faults[before:]
    assert not faults, faults


async def remove(cluster: Cluster) -> None:
    """Drop every database and role of an installation."""
    roles = cluster.roles
    names = [roles.tenant, roles.reader, roles.app, roles.owner]
    names += [roles.search_maker, roles.search]
    async with opened(cluster.admin) as admin:
        for row in await admin.fetch(
            "SELECT datname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba"
            " WHERE r.rolname = $1",
            roles.owner,
        ):
            await admin.execute(f'DROP DATABASE "{row[0]}" WITH (FORCE)')
        for row in await admin.fetch(
            "SELECT m.member::regrole::text FROM pg_auth_members m"
            " JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname = $1"
            " AND m.member::regrole::text LIKE 'tenant\\_%'",
            roles.tenant,
        ):
            await admin.execute(f"DROP ROLE {row[0]}")
        for name in names:
            await admin.execute(f"DROP ROLE IF EXISTS {name}")
