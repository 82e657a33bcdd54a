"""The crew: as many worker processes as there is work for."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from insula.kernel.foundation.settings import Settings
from insula.server import crew as crews
from insula.server import working
from insula.server.crew import COOLDOWN, QUIET, WAITING, Bounds, Crew, wanted
from insula.server.working import RECYCLE

BOUNDS = Bounds(1, 10)
LATE, CALM = WAITING + 1, QUIET + 1


def until(holds: Callable[[], bool]) -> None:
    """Wait for something to be so."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_bounds_and_the_pace_are_the_promised_ones() -> None:
    """S1-38, S1-39: 1 to 10, one at a time, three seconds apart."""
    assert (Bounds().fewest, Bounds().most) == (1, 10)
    assert (crews.SHIFT, COOLDOWN) == (1, 3.0)


@pytest.mark.parametrize(
    ("present", "waiting", "quiet", "expected"),
    [
        (1, LATE, 0.0, 2),
        (10, LATE, 0.0, 10),
        (3, 0.0, CALM, 2),
        (1, 0.0, CALM, 1),
        (3, 0.0, 0.0, 3),
        (3, WAITING / 2, 0.0, 3),
        (0, 0.0, 0.0, 1),
        (12, 0.0, 0.0, 10),
    ],
)
def test_one_comes_when_jobs_wait_and_one_goes_when_none_does(
    present: int, waiting: float, quiet: float, expected: int
) -> None:
    """S1-38, S1-39."""
    assert wanted(present, BOUNDS, waiting, quiet) == expected


def _sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crew of processes that do nothing, which changes its mind in a moment."""
    monkeypatch.setattr(crews, "_start", _sleeper)
    monkeypatch.setattr(crews, "COOLDOWN", 0.05)
    monkeypatch.setattr(crews, "POLL", 0.02)
    monkeypatch.setattr(crews, "QUIET", 0.2)


@pytest.mark.usefixtures("quick")
def test_it_grows_under_load_and_shrinks_again() -> None:
    """S1-38: between its bounds, and back."""
    load = [LATE]
    crew = Crew(Bounds(1, 3, grace=5), lambda: load[0])
    thread = threading.Thread(target=crew.run)
    thread.start()
    try:
        until(lambda: len(crew.pids) == 3)
        load[0] = 0.0
        until(lambda: len(crew.pids) == 1)
    finally:
        crew.stop()
        thread.join(10)


@pytest.mark.usefixtures("quick")
def test_one_that_was_killed_is_replaced() -> None:
    crew = Crew(Bounds(2, 2, grace=5), lambda: 0.0)
    thread = threading.Thread(target=crew.run)
    thread.start()
    try:
        until(lambda: len(crew.pids) == 2)
        first = crew.pids[0]
        os.kill(first, signal.SIGKILL)
        until(lambda: first not in crew.pids and len(crew.pids) == 2)
    finally:
        crew.stop()
        thread.join(10)
    assert not any(Path(f"/proc/{pid}").exists() for pid in crew.pids)


class Stopped:
    """Stands for a worker: whether it was told to stop."""

    def __init__(self) -> None:
        self.told = asyncio.Event()

    def stop(self) -> None:
        """It is told."""
        self.told.set()


@pytest.mark.anyio
async def test_a_process_that_has_grown_stops_and_is_recycled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S1-40: 128 MiB unless somebody chooses otherwise; here it is 16."""
    monkeypatch.setattr(working, "LOOK", 0.01)
    worker: Any = Stopped()
    watching = asyncio.create_task(working.watch_memory(worker, 16))
    await asyncio.sleep(0.05)
    assert not worker.told.is_set()
    grown = bytearray(os.urandom(2**20)) * 32
    async with asyncio.timeout(5):
        await watching
    assert grown
    assert worker.told.is_set()
    assert Settings(data_dir=Path("/nowhere")).worker_memory == 128
    assert RECYCLE not in (0, 1)  # to be told from an end and from a crash
