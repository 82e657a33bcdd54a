"""The embedded PostgreSQL server: closed to strangers, shared by processes, and hard to lose."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from insula.kernel.database.embedded import (
    EmbeddedError,
    EmbeddedPostgres,
    ServerAddress,
    open_server,
)
from insula.kernel.database.embedded_process import cluster_name

OWN = """
import os, sys, time, pathlib
from insula.kernel.database.embedded import EmbeddedPostgres
EmbeddedPostgres(pathlib.Path(sys.argv[1])).start()
print("started", flush=True)
time.sleep(60)
"""
OPEN = """
import sys, asyncio, pathlib, asyncpg
from insula.kernel.database.embedded import open_server
async def select(a):
    c = await asyncpg.connect(
        host=a.host, port=a.port, user=a.user, password=a.password, database="postgres"
    )
    await c.execute(f"SELECT pg_sleep({sys.argv[2]})")
    await c.execute("SELECT 1")
    await c.close()
with open_server(pathlib.Path(sys.argv[1])) as address:
    asyncio.run(select(address))
"""
ENDLESS = "SELECT count(*) FROM (SELECT generate_series(1, 1000000000000)) AS endless"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def new_place() -> Path:
    """A directory that the server's user can reach (pytest's own are closed to it)."""
    place = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    place.chmod(0o755)
    return place


@pytest.fixture
def place() -> Iterator[Path]:
    place = new_place()
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    place = new_place()
    server = EmbeddedPostgres(place / "data")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(place)


@pytest.fixture
def address(server: EmbeddedPostgres) -> ServerAddress:
    return server.start()


def data_dir(address: ServerAddress) -> Path:
    return Path(address.host).parent


async def connect(
    address: ServerAddress, password: str | None = None
) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=password or address.password,
        database="postgres",
    )


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@contextmanager
def killed_owner(data: Path, code: str = OWN) -> Iterator[None]:
    """Another process that owns the server, and is killed at the end of the block."""
    with python(code, data) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        yield
        owner.kill()


def postmaster_pid(data: Path) -> int:
    return int((data / "pgdata/postmaster.pid").read_text().split()[0])


def processes(data: Path) -> list[str]:
    """Command lines of the living processes of a cluster (a zombie has none)."""
    name, found = cluster_name(data / "pgdata"), []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_text())
        except OSError:
            continue
    return [line for line in found if name in line]


def until(claim: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.01)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("SHOW wal_level", "logical"),
        ("SHOW listen_addresses", ""),
        ("SHOW fsync", "on"),
        ("SHOW max_connections", "200"),
        ("SHOW server_encoding", "UTF8"),
        ("SELECT datlocale FROM pg_database WHERE datname = 'postgres'", "C.UTF-8"),
        (
            "SELECT left(rolpassword, 13) FROM pg_authid WHERE rolcanlogin",
            "SCRAM-SHA-256",
        ),
    ],
)
async def test_the_server_is_set_up_as_the_platform_needs_it(
    address: ServerAddress, question: str, answer: str
) -> None:
    connection = await connect(address)
    assert await connection.fetchval(question) == answer
    await connection.close()


@pytest.mark.anyio
async def test_a_wrong_password_is_refused_over_the_socket(
    address: ServerAddress,
) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(address, password="guess")


def test_secrets_and_sockets_are_the_owners_alone(address: ServerAddress) -> None:
    data = data_dir(address)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (
            data / "superuser.pw",
            data / "postgres.log",
            data / "run",
            data / "pgdata",
        )
    }
    assert modes == {
        "superuser.pw": 0o600,
        "postgres.log": 0o600,
        "run": 0o700,
        "pgdata": 0o700,
    }
    assert address.password not in repr(address)
    assert address.password not in (data / "postgres.log").read_text()
    assert not any(address.password in line for line in processes(data))


def test_a_second_process_attaches_and_cannot_own(address: ServerAddress) -> None:
    code = """
import sys, pathlib
from insula.kernel.database.embedded import AlreadyRunning, EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path(sys.argv[1]))
print(server.attach().host)
try: server.start()
except AlreadyRunning as error: print(error.pid)
server.stop()
"""
    said, _ = python(code, data_dir(address)).communicate(timeout=20)
    assert said.split() == [address.host, str(os.getpid())]
    assert EmbeddedPostgres(data_dir(address)).attach() == address


@pytest.mark.anyio
async def test_a_killed_postmaster_is_replaced_with_its_data_intact(
    server: EmbeddedPostgres, address: ServerAddress
) -> None:
    connection = await connect(address)
    await connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 100) AS n")
    busy = asyncio.create_task(
        connection.execute(ENDLESS)
    )  # does not notice, holds the memory
    await asyncio.sleep(0.1)
    assert not server.restart_if_dead()
    os.kill(postmaster_pid(data_dir(address)), signal.SIGKILL)
    until(lambda: not server.alive())
    assert EmbeddedPostgres(data_dir(address)).attach() is None
    assert [line for line in processes(data_dir(address)) if "SELECT" in line]
    assert server.restart_if_dead()
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await busy
    again = await connect(server.start())
    assert await again.fetchval("SELECT count(*) FROM kept") == 100
    await again.close()


@pytest.mark.anyio
async def test_the_server_ends_with_its_killed_owner_and_comes_back_with_the_data(
    place: Path,
) -> None:
    data = place / "data"
    with killed_owner(data):
        address = EmbeddedPostgres(data).attach()
        assert address is not None
        connection = await connect(address)
        await connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    with open_server(
        data
    ) as address:  # at once: the old server is still on its way out
        connection = await connect(address)
        assert await connection.fetchval("SELECT n FROM kept") == 7
        await connection.close()
    with killed_owner(data):
        assert processes(data)
    until(lambda: not processes(data), seconds=5)
    assert EmbeddedPostgres(data).attach() is None


def test_an_initialization_cut_short_is_made_anew(place: Path) -> None:
    data = place / "data"
    with python(OWN, data) as owner:
        until(lambda: list(data.glob("initdb-*/pgdata/global")))
        owner.kill()
    assert not (data / "pgdata").exists()
    server = EmbeddedPostgres(data)
    server.start()
    assert not list(data.glob("initdb-*"))
    server.stop()
    server.stop()
    assert not server.alive()
    assert not processes(data)


def test_a_lock_file_that_names_a_stranger_is_no_obstacle(place: Path) -> None:
    """As after a container's restart, where the old process id is another program's."""
    data = place / "data"
    with open_server(data) as address:
        left = (data / "pgdata/postmaster.pid").read_text().splitlines()
    user = (data / "pgdata").stat().st_uid
    with subprocess.Popen(
        ["sleep", "60"], user=user if os.geteuid() == 0 else None
    ) as stranger:
        left[0] = str(stranger.pid)
        for lock in (
            data / "pgdata/postmaster.pid",
            Path(address.host) / ".s.PGSQL.5432.lock",
        ):
            lock.write_text("\n".join(left) + "\n")
            shutil.chown(lock, user)
        assert EmbeddedPostgres(data).attach() is None
        with open_server(data):
            assert stranger.poll() is None
        stranger.kill()


def test_processes_that_open_a_server_at_once_share_it(place: Path) -> None:
    commands = [python(OPEN, place / "data", 0.1) for _ in range(3)]
    said = [command.communicate(timeout=30)[0] for command in commands]
    assert [command.returncode for command in commands] == [0, 0, 0], said
    assert not processes(place / "data")


def test_an_owner_does_not_stop_the_server_under_those_who_attached(
    place: Path,
) -> None:
    with python(OPEN, place / "data", 0.1) as owner:
        until((place / "data/owner.lock").exists)
        with python(OPEN, place / "data", 0.6) as guest:
            said = guest.communicate(timeout=30)[0]
        assert guest.returncode == 0, said
        assert owner.wait(timeout=10) == 0


def test_a_forked_worker_does_not_keep_the_ownership(place: Path) -> None:
    fork = "if os.fork() == 0: time.sleep(2); os._exit(0)"
    with killed_owner(place / "data", OWN.replace("print", f"{fork}\nprint")):
        pass
    server = EmbeddedPostgres(place / "data")
    server.start()
    assert server.owned
    server.stop()


def test_a_failed_start_shows_the_servers_own_words(place: Path) -> None:
    data = place / "data"
    with open_server(data):
        pass
    with (data / "pgdata/postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    server = EmbeddedPostgres(data)
    with pytest.raises(EmbeddedError, match="no_such_setting"):
        server.start()
    assert not server.owned
