"""The crew: as many worker processes as there is work for, between two bounds.

One more when jobs wait, one fewer when none has waited for a while, at most one change
every few seconds (S1-38, S1-39). A process that dies or has grown is replaced.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import asyncpg

from insula.kernel.database.home import Login
from insula.kernel.database.pool import connect
from insula.kernel.foundation.errors import Unavailable
from insula.kernel.jobs.tickets import depths
from insula.server.working import RECYCLE

COOLDOWN = 3.0
"""Seconds between two changes (``balanceCooldown``)."""
SHIFT = 1
"""Processes that come or go at once (``balanceMaxShift``)."""
WAITING = 1.0
"""Seconds that the oldest ticket waits before another process is worth its start."""
QUIET = 30.0
"""Seconds without a waiting ticket after which a process goes."""
POLL = 0.2
COMMAND = (sys.executable, "-m", "insula.server.joining")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The fewest and the most processes, and the seconds in which they have to end."""

    fewest: int = 1
    most: int = 10
    grace: float = 30.0


Load = Callable[[], float]
"""How long the oldest ticket has been waiting, in seconds; 0 when none waits."""


def wanted(present: int, bounds: Bounds, waiting: float, quiet: float) -> int:
    """How many processes there should be; pure, so that its rule can be tested."""
    if waiting > WAITING:
        present += SHIFT
    elif quiet > QUIET:
        present -= SHIFT
    return max(bounds.fewest, min(present, bounds.most))


@dataclass(slots=True)
class Crew:
    """Starts, replaces and ends the worker processes; runs in a thread."""

    bounds: Bounds
    load: Load
    _stopping: threading.Event = field(default_factory=threading.Event)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _target: int = 0

    def run(self) -> None:
        """Keep the crew at work until ``stop``; then let them finish."""
        self._target = self.bounds.fewest
        changed = busy = time.monotonic()
        try:
            while not self._stopping.wait(POLL):
                self._replace()
                moment = time.monotonic()
                if moment - changed < COOLDOWN:
                    continue
                waiting, changed = self.load(), moment
                busy = moment if waiting else busy
                quiet = moment - busy
                self._target = wanted(self._target, self.bounds, waiting, quiet)
                busy = moment if quiet > QUIET else busy
        finally:
            self._end(self._processes)

    def _replace(self) -> None:
        """Have as many alive as are wanted; a crash costs a moment, so as not to spin."""
        alive = []
        for process in self._processes:
            code = process.poll()
            if code is None:
                alive.append(process)
            elif code not in (0, RECYCLE) and self._stopping.wait(POLL):
                return
        self._processes = alive
        while len(alive) < self._target:
            alive.append(_start())
        self._end(alive[self._target :])

    def _end(self, leaving: list[subprocess.Popen[bytes]]) -> None:
        for process in leaving:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self.bounds.grace
        for process in leaving:
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()  # its jobs go to others when its heartbeat stops
                process.wait()

    def stop(self) -> None:
        """End all of them."""
        self._stopping.set()

    @property
    def pids(self) -> list[int]:
        """The processes that there are."""
        return [it.pid for it in self._processes]


def _start() -> subprocess.Popen[bytes]:
    # In a session of its own, so that Ctrl-C ends it through us, in good order.
    return subprocess.Popen((*COMMAND, str(os.getpid())), start_new_session=True)


def oldest_waiting(login: Login) -> float:
    """How long the oldest ticket waits, in seconds; 0 if nobody can tell."""
    try:
        return asyncio.run(_oldest(login))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, Unavailable):
        return 0.0


async def _oldest(login: Login) -> float:
    connection = await connect(login, timeout=2)
    try:
        found = await depths(connection.fetch)
    finally:
        connection.terminate()
    return max((it.age for it in found if it.status == "queued"), default=0.0)
