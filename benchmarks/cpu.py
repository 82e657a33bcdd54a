"""CPU time of process trees: what a request costs on a busy machine, too (Linux)."""

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def family(roots: Iterable[int], *, without: Iterable[int] = ()) -> list[int]:
    """These processes and all that descend from them, except the branches named."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    left, found, cut = list(roots), list[int](), set(without)
    while left:
        pid = left.pop()
        if pid not in cut:
            found.append(pid)
            left += children[pid]
    return found


def cpu_ns(roots: Iterable[int], *, without: Iterable[int] = ()) -> int:
    """CPU time that a family of processes has used, its dead children's included."""
    pids = family(roots, without=without)
    return sum(_lived(pids)) + sum(_inherited(pids))


def pin(roots: Iterable[int], core: int, *, without: Iterable[int] = ()) -> None:
    """Keep a family of processes, and all that it will start, on one core."""
    for pid in family(roots, without=without):
        for thread in (PROC / str(pid) / "task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})


def _lived(pids: Iterable[int]) -> Iterator[int]:
    for pid in pids:
        # The clock that clock_getcpuclockid(3) names: nanoseconds, all threads, those
        # that ended too. /proc/<pid>/stat counts in ticks of 10 ms.
        try:
            yield time.clock_gettime_ns(~pid << 3 | 2)
        except OSError:  # it has just ended
            continue


def _inherited(pids: Iterable[int]) -> Iterator[int]:
    # A backend that ended is counted by the postmaster that waited for it, in ticks:
    # the error is there only in rounds in which one did end.
    for pid in pids:
        if fields := _stat(pid):
            yield (int(fields[13]) + int(fields[14])) * 1_000_000_000 // TICKS


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on, none when it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
