"""Embedded PostgreSQL: a server of our own for one machine, safe to share, to kill and to restart.

One process owns the server of a data directory: it runs as its child and ends with it. Any other
process attaches. Ownership is a lock on a file, so it ends with its process, too.
"""

import contextlib
import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from insula.kernel.database.embedded_cluster import SUPERUSER, ensure_cluster, options
from insula.kernel.database.embedded_machine import (
    WAY_OUT,
    is_private_dir,
    make_data_dir,
    make_private_dir,
    require_access,
    server_account,
    server_programs,
    socket_dir,
)
from insula.kernel.database.embedded_process import (
    EmbeddedError,
    answers,
    cluster_name,
    drop_stale_lock,
    end_leftovers,
    is_running,
    start_server,
    stop_server,
)

__all__ = [
    "AlreadyRunning",
    "EmbeddedError",
    "EmbeddedPostgres",
    "ServerAddress",
    "open_server",
]

PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"
LOG_LIMIT = 10 * 2**20

# What the platform relies on: given at every start, so that no edited file can take it away.
GUARANTEES = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "wal_level": "logical",
    "fsync": "on",
}


class AlreadyRunning(EmbeddedError):
    """Another living process owns the server of this data directory."""

    def __init__(self, data_dir: Path, pid: int | None) -> None:
        """Keep the owner's process id; none when it had no time yet to write it down."""
        super().__init__(
            f"PostgreSQL in {data_dir} is run by process {pid or '(just starting)'}:"
            f" stop that process first, or {WAY_OUT}"
        )
        self.pid = pid


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a PostgreSQL server answers, and as whom to speak to it."""

    host: str  # socket directory or host name
    port: int
    user: str
    password: str = field(repr=False)


class EmbeddedPostgres:
    """The PostgreSQL server of one data directory, for its owner and for those who attach."""

    def __init__(self, data_dir: Path) -> None:
        """Name the directory; nothing is made or read before it is asked for."""
        self._dir = data_dir.resolve()
        self._cluster = self._dir / "pgdata"
        self._socket_dir = socket_dir(self._dir)
        self._password_file = self._dir / "superuser.pw"
        self._log = self._dir / "postgres.log"
        self._guard = threading.RLock()
        self._lock: int | None = None
        self._name = ""
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def owned(self) -> bool:
        """Whether this process owns the server."""
        return self._lock is not None

    def start(self, *, timeout: float = 60) -> ServerAddress:
        """Become the owner and start the server, made when new; any thread may call this."""
        deadline = time.monotonic() + timeout
        with self._guard, _explained(self._dir):
            if self.owned and self.alive():
                return self._wait_until_ready(deadline)
            try:
                make_data_dir(self._dir)
                self._own()
                return self._launch(deadline)
            except BaseException:
                self.stop()
                raise

    def attach(self) -> ServerAddress | None:
        """The address of the server that answers for this data directory, whoever owns it."""
        try:
            status = (self._cluster / "postmaster.pid").read_text().splitlines()
            password = self._password_file.read_text()
            owner = self._cluster.stat().st_uid
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise EmbeddedError(
                f"Cannot read {error.filename}: run as the user who started the server"
            ) from error
        ready = len(status) > 7 and status[7].strip() == "ready"
        # A directory in /tmp could be a stranger's, and his server would ask for our password.
        if not ready or not is_private_dir(self._socket_dir, owner):
            return None
        if not answers(self._socket_dir / SOCKET):
            return None
        return ServerAddress(str(self._socket_dir), PORT, SUPERUSER, password)

    def stop(self) -> None:
        """Shut down the server that we own and give it up; harmless when there is none."""
        with self._guard:
            try:
                if self.owned and self._server is not None:
                    stop_server(self._server)
                    end_leftovers(self._name, time.monotonic() + 10)
                    self._server = None
            finally:
                self._disown()

    def alive(self) -> bool:
        """Whether the server runs: as our child when we own it, else as one that answers."""
        if not self.owned:
            return self.attach() is not None
        return self._server is not None and self._server.poll() is None

    def restart_if_dead(self, *, timeout: float = 60) -> bool:
        """Start the server that we own again if it died, and say whether that was needed."""
        with self._guard, _explained(self._dir):
            if not self.owned or self.alive():
                return False
            self._launch(time.monotonic() + timeout)
            return True

    def _own(self) -> None:
        if self.owned:
            return
        lock = os.open(self._dir / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + 1
        while not _locked(lock):
            holder = int(os.pread(lock, 20, 0) or 0)
            # What a killed owner was just forking lets go of the lock in a moment.
            if is_running(holder) or time.monotonic() > deadline:
                os.close(lock)
                raise AlreadyRunning(self._dir, holder or None)
            time.sleep(0.01)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock
        # A forked worker shares the lock, and would hold it beyond our own death.
        os.register_at_fork(after_in_child=self._disown)

    def _disown(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _launch(self, deadline: float) -> ServerAddress:
        account = server_account(self._cluster)
        require_access(self._dir, account)
        programs = server_programs(self._dir, account)
        make_private_dir(self._socket_dir, account)
        ensure_cluster(self._cluster, self._password_file, programs, account)
        self._name = cluster_name(self._cluster)
        end_leftovers(self._name, deadline)
        drop_stale_lock(self._cluster / "postmaster.pid")
        drop_stale_lock(self._socket_dir / f"{SOCKET}.lock")
        self._rotate_log()
        settings = options("-c", GUARANTEES | {"cluster_name": self._name})
        command: list[str | Path] = [
            programs / "postgres",
            "-D",
            self._cluster,
            *settings,
        ]
        command += ["-k", self._socket_dir]
        self._server = start_server(account, command, self._log)
        return self._wait_until_ready(deadline)

    def _rotate_log(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self._log.stat().st_size > LOG_LIMIT:
                self._log.replace(self._log.with_suffix(".log.1"))

    def _wait_until_ready(self, deadline: float) -> ServerAddress:
        while (address := self.attach()) is None:
            dead = not self.alive()
            if dead or time.monotonic() > deadline:
                reason = "ended while it started" if dead else "is not ready in time"
                raise EmbeddedError(
                    f"PostgreSQL {reason}; {self._log} ends with:\n{_last_lines(self._log)}"
                )
            time.sleep(0.01)
        return address


@contextlib.contextmanager
def _explained(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedError(
            f"Cannot run PostgreSQL in {data_dir}: {error}; solve that, or {WAY_OUT}"
        ) from error


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


@contextlib.contextmanager
def open_server(data_dir: Path, *, timeout: float = 60) -> Iterator[ServerAddress]:
    """Attach to the running server, or own one for the length of the block.

    An owner waits at the end of its block for those who attached by this function meanwhile.
    """
    server = EmbeddedPostgres(data_dir)
    with _explained(data_dir):
        make_data_dir(data_dir.resolve())
        users = os.open(data_dir / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(users, fcntl.LOCK_SH)  # waits for an owner who is stopping
        yield _attach_or_start(server, time.monotonic() + timeout)
    finally:
        if server.owned:
            fcntl.flock(users, fcntl.LOCK_EX)
            server.stop()
        os.close(users)


def _attach_or_start(server: EmbeddedPostgres, deadline: float) -> ServerAddress:
    while (address := server.attach()) is None:
        try:
            return server.start()
        except AlreadyRunning:  # its owner is just starting or stopping
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    return address
