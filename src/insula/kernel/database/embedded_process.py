"""The embedded server as processes: run as its user, asked if it answers, ended when left over."""

import contextlib
import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PR_SET_PDEATHSIG = 1
PROTOCOL_3 = 196608
CANNOT_CONNECT_NOW = b"C57P03\0"


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL server cannot do what was asked; the message says what next."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that the server runs as."""

    uid: int
    gid: int


def is_root() -> bool:
    """Whether we must lend the server another account: PostgreSQL refuses to run as root."""
    return os.geteuid() == 0


def run_as(
    account: Account, command: Sequence[str | Path], *, timeout: float
) -> tuple[int, str]:
    """Run a program to its end as the server's user: its exit code, and all that it said."""
    with _spawn(account, command, subprocess.PIPE) as process:
        try:
            said, _ = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return process.returncode, said.decode(errors="replace")


def start_server(
    account: Account, command: Sequence[str | Path], log: Path
) -> subprocess.Popen[bytes]:
    """Start the server as a child that shuts down when this process dies, however it dies."""
    started: Future[subprocess.Popen[bytes]] = Future()

    def keep() -> None:
        # Linux sends the parent-death signal when the *thread* that forked ends: this one lives
        # as long as the server, so that any thread may call us, and it reaps the server at once.
        try:
            with open(log, "ab", opener=_private) as output:
                server = _spawn(account, command, output)
        except BaseException as error:  # noqa: BLE001  # raised again in the caller
            started.set_exception(error)
            return
        started.set_result(server)
        server.wait()

    threading.Thread(target=keep, name="embedded-postgres", daemon=True).start()
    return started.result()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _spawn(
    account: Account, command: Sequence[str | Path], output: IO[bytes] | int
) -> subprocess.Popen[bytes]:
    root = is_root()
    return subprocess.Popen(
        command,
        user=account.uid if root else None,
        group=account.gid if root else None,
        extra_groups=[] if root else None,
        env={
            "PATH": SYSTEM_PATH
        },  # PGPORT would mislead the server, and our secrets are not its
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for us: requests in flight still need the server
        preexec_fn=_die_with(os.getpid()),
    )


def _die_with(parent: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(
        None
    ).prctl  # looked up before the fork, whose child should do little

    def follow() -> None:
        # After setuid, which would clear it. SIGINT is PostgreSQL's orderly, fast shutdown.
        prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return follow


def stop_server(server: subprocess.Popen[bytes], *, patience: float = 30) -> None:
    """Shut down fast; one that a stuck client holds up is stopped harder, and recovers later."""
    for kind in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(patience)
            return


def answers(path: Path, *, timeout: float = 2) -> bool:
    """Whether a server takes connections on this socket, asked as pg_isready does: no password.

    The socket of a dead process or a zombie refuses; a server that starts or stops says so.
    """
    body = b"user\0postgres\0database\0postgres\0\0"
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(timeout)
            client.connect(str(path))
            client.sendall(struct.pack("!ii", len(body) + 8, PROTOCOL_3) + body)
            reply = client.recv(1024)
    except OSError:
        return False
    return bool(reply) and not (reply[:1] == b"E" and CANNOT_CONNECT_NOW in reply)


def cluster_name(cluster: Path) -> str:
    """A name that no other cluster of the machine has; PostgreSQL shows it in process titles."""
    found = cluster.stat()
    return f"insula-{found.st_dev:x}-{found.st_ino:x}"


def end_leftovers(name: str, deadline: float) -> None:
    """End what a killed owner or a killed postmaster left of this cluster.

    A postmaster without its owner is shutting down already. Backends without their postmaster
    keep the shared memory, and one in the middle of a long query does not notice: they are
    killed, as the next start recovers from the write-ahead log.
    """
    while found := _cluster_processes(name):
        postmasters = [pid for pid, is_postmaster in found.items() if is_postmaster]
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"PostgreSQL of an earlier run does not end: look at process {min(found)}"
            )
        for pid in postmasters or found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGINT if postmasters else signal.SIGKILL)
        time.sleep(0.02)


def _cluster_processes(name: str) -> dict[int, bool]:
    """Living processes of a cluster, and whether each is a postmaster."""
    if sys.platform != "linux":
        return {}
    title, option = f"postgres: {name}: ".encode(), f"cluster_name={name}".encode()
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        arguments = _arguments(pid)
        if option in arguments or arguments[0].startswith(title):
            found[pid] = option in arguments
    return found


def is_running(pid: int) -> bool:
    """Whether a process lives, other than as a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return sys.platform != "linux" or _arguments(pid) != [b""]


def _arguments(pid: int) -> list[bytes]:
    # Of /proc/*, only this file is readable for other users' processes in a plain container.
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        )  # a zombie's is empty
    except OSError:
        return [b""]


def drop_stale_lock(lock: Path) -> None:
    """Remove a lock file of PostgreSQL whose process id is another program's by now.

    PostgreSQL respects any living process of its user, and in a container the same small ids come
    back after every restart. A lock whose process is dead or a server is left for it to judge.
    """
    try:
        holder = int(lock.read_text().split()[0])
    except FileNotFoundError:
        return
    except (ValueError, IndexError):  # cut short: the disk was full or the power went
        lock.unlink()
        return
    program = _arguments(holder)[0].rpartition(b"/")[2]
    if program and not program.startswith(b"postgres"):
        lock.unlink()
