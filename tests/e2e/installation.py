"""An installation as an operator has it: a data folder, processes, and HTTP."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
from typer.testing import CliRunner

from insula.cli.main import app
from insula.kernel.database.embedded import EmbeddedPostgres, ServerAddress

INSULA = (sys.executable, "-m", "insula")
PASSWORD = "a Quiet-harbour 7"
PATIENCE = 60.0
"""Seconds for what takes one or two."""
UNLIMITED = {
    f"INSULA_LIMIT_{it}": "0"
    for it in ("ANONYMOUS", "AUTH", "LOGIN", "LOGINS", "USER", "TENANT")
}
"""All tests come from one address, and faster than anybody would."""


def free_port() -> int:
    """A port that nobody listens on at present."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
        return number


class Up:
    """One ``insula up``, in a process group of its own as a terminal makes it."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path):
        self._log = log
        with log.open("wb") as out, log.with_suffix(".err").open("wb") as err:
            self.process = subprocess.Popen(
                command, env=env, stdout=out, stderr=err, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The main process."""
        return self.process.pid

    @property
    def said(self) -> str:
        """What it has printed for people."""
        return self._log.read_text()

    @property
    def complained(self) -> str:
        """What it has written to stderr."""
        return self._log.with_suffix(".err").read_text()

    def await_ready(self, patience: float = PATIENCE) -> float:
        """Wait until it says that it is ready; the seconds that took."""
        began = time.monotonic()
        while "ready" not in self.said:
            ended = self.process.poll()
            assert ended is None, (ended, self.complained)
            assert time.monotonic() - began < patience, self.complained
            time.sleep(0.02)
        return time.monotonic() - began

    def workers(self) -> list[int]:
        """The server processes."""
        listed = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self.pid)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        return [int(line.split()[0]) for line in listed if "spawn_main" in line]

    def wait(self) -> int:
        """The exit code, when it has ended."""
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Ask it to end; the exit code."""
        self.process.terminate()
        return self.wait()

    def kill(self) -> None:
        """End the whole group at once, whatever is left of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


class Installation:
    """A data folder of its own, with the commands that run on it."""

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="insula-e2e-"))
        self.folder.chmod(0o755)
        self.data_dir, self.port = self.folder / "data", free_port()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("INSULA_")}
        self.env = {
            **inherited,
            "INSULA_DATA_DIR": str(self.data_dir),
            "OWNER_PW": PASSWORD,
            "INSULA_OPERATOR_SECOND_FACTOR": "false",
            **UNLIMITED,
            **settings,
        }
        self._ups: list[Up] = []

    def start(self, *args: str, port: int | None = None) -> Up:
        """Start ``insula up``, without waiting for it."""
        where = ("--port", str(port or self.port), "--data-dir", str(self.data_dir))
        log = self.folder / f"up-{len(self._ups)}.log"
        up = Up([*INSULA, "up", *where, *args], self.env, log)
        self._ups.append(up)
        return up

    def up(self, *args: str) -> Up:
        """Start ``insula up`` and wait until it is ready."""
        up = self.start(*args)
        up.await_ready()
        return up

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*INSULA, *args],
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
        )

    def command(self, *args: str) -> subprocess.Popen[bytes]:
        """Start a command without waiting for its end."""
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            [*INSULA, *args], env=self.env, stdout=quiet, stderr=quiet
        )

    def ask(self, *args: str) -> Any:
        """Run a command that must succeed; its JSON."""
        done = self.run(*args, "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def create(self, slug: str, isolation: str) -> Any:
        """Make a tenant that has the maintenance app, by commands."""
        owner = ("--owner", f"owner@{slug}.test", "--password-env", "OWNER_PW")
        made = self.ask_here(
            *("tenants", "create", slug, "--name", slug.title()),
            *("--isolation", isolation, *owner),
        )
        self.ask_here("apps", "install", "maintenance", "--tenant", slug, "--yes")
        return made

    def ask_here(self, *args: str) -> Any:
        """Run a command that must succeed in this process, which has all imported."""
        done = CliRunner().invoke(app, [*args, "--json"], env=self.env)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def visit(self, slug: str) -> httpx2.Client:
        """A client of a tenant's host, nobody yet."""
        return httpx2.Client(
            base_url=f"http://127.0.0.1:{self.port}/api/v1/",
            headers={"host": f"{slug}.localhost"},
            timeout=PATIENCE,
        )

    @contextlib.contextmanager
    def sign_in(self, slug: str, password: str = PASSWORD) -> Iterator[httpx2.Client]:
        """A client of a tenant's host, signed in as its owner."""
        email = f"{'operator@insula' if slug == 'admin' else f'owner@{slug}'}.test"
        with self.visit(slug) as client:
            person = {"email": email, "password": password}
            answer = client.post("auth/login", json=person)
            assert answer.status_code == 200, answer.text
            token = answer.json()["data"]["access_token"]
            client.headers["authorization"] = f"Bearer {token}"
            yield client

    def address(self) -> ServerAddress:
        """Where its PostgreSQL answers the superuser."""
        found = EmbeddedPostgres(self.data_dir).attach()
        assert found is not None
        return found

    def query(self, sql: str, database: str = "insula") -> list[tuple[Any, ...]]:
        """Rows, as the superuser sees them."""
        at = self.address()

        async def fetch() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(
                host=at.host, user=at.user, password=at.password, database=database
            )
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run(fetch())

    def postmaster(self) -> int:
        """The main process of its PostgreSQL."""
        file, began = self.data_dir / "pgdata/postmaster.pid", time.monotonic()
        while time.monotonic() - began < PATIENCE:
            # One that starts takes the file of the one before away, then writes its own.
            with contextlib.suppress(FileNotFoundError, IndexError):
                return int(file.read_text().split()[0])
            time.sleep(0.02)
        raise TimeoutError(file)

    def remove(self) -> None:
        """End whatever runs, and leave nothing behind."""
        for up in self._ups:
            if up.process.poll() is None:
                up.process.terminate()
        for up in self._ups:
            with contextlib.suppress(subprocess.TimeoutExpired):
                up.wait()
            up.kill()
        self._await_the_end_of_postgres()
        shutil.rmtree(self.folder)

    def _await_the_end_of_postgres(self) -> None:
        """It ends with the process that started it, in a moment."""
        deadline = time.monotonic() + PATIENCE
        while EmbeddedPostgres(self.data_dir).attach() is not None:
            if time.monotonic() > deadline:
                os.kill(self.postmaster(), signal.SIGKILL)
            time.sleep(0.05)
