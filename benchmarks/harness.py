"""The harness: both sides in turn, round after round, and what they cost."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.cases import CASES, OPERATIONS, Case, Side
from benchmarks.cpu import cpu_ns, pin
from benchmarks.load import Load, LoadProcess

CONNECTIONS = 16
WARM_UP = 1.0
"""Seconds of load before the first round: statements, plans, tokens and caches."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost, by request."""

    server_us: float
    postgres_us: float
    rps: float
    p50_ms: float
    p99_ms: float

    @property
    def cpu_us(self) -> float:
        """CPU time of server and PostgreSQL together."""
        return self.server_us + self.postgres_us


@dataclass(frozen=True, slots=True)
class Pair:
    """One round of a case: two runs that were neighbours in time."""

    ours: Cost
    floor: Cost

    @property
    def cpu_ratio(self) -> float:
        """What a request costs us, over what it costs the floor."""
        return self.ours.cpu_us / self.floor.cpu_us

    @property
    def rps_ratio(self) -> float:
        """How many requests we answer in a second, over the floor's."""
        return self.ours.rps / self.floor.rps


@dataclass(frozen=True, slots=True)
class Finding:
    """All rounds of one case."""

    case: Case
    pairs: Sequence[Pair]

    def median(self, figure: Callable[[Pair], float]) -> float:
        """The median of a figure over the rounds."""
        return median(figure(pair) for pair in self.pairs)

    def bounds(self, figure: Callable[[Pair], float]) -> tuple[float, float]:
        """The least and the most that a figure was."""
        figures = [figure(pair) for pair in self.pairs]
        return min(figures), max(figures)


@dataclass(frozen=True, slots=True)
class Bench:
    """Two servers that share one PostgreSQL, and who asks them."""

    ours: Side
    floor: Side
    postgres_pid: int
    load: LoadProcess

    def pin(self) -> None:
        """Give the servers one core, and PostgreSQL and the load another."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            return
        pin(
            (self.ours.server_pid, self.floor.server_pid),
            cores[0],
            without=(self.postgres_pid,),
        )
        pin((self.postgres_pid, self.load.pid), cores[1])

    def pair(self, case: Case, seconds: float, *, first: Side) -> Pair:
        """Run both sides, one after the other."""
        if first is self.ours:
            ours = self._run(self.ours, case, seconds)
            return Pair(ours, self._run(self.floor, case, seconds))
        floor = self._run(self.floor, case, seconds)
        return Pair(self._run(self.ours, case, seconds), floor)

    def _run(self, side: Side, case: Case, seconds: float) -> Cost:
        requests = case.requests(side)
        load = Load(side.port, requests, case.expected, CONNECTIONS, seconds)
        server, postgres = self._used(side)
        answers = self.load.run(load)
        server_after, postgres_after = self._used(side)
        return Cost(
            server_us=(server_after - server) / answers.count / 1000,
            postgres_us=(postgres_after - postgres) / answers.count / 1000,
            rps=answers.count / answers.seconds,
            p50_ms=answers.p50_ms,
            p99_ms=answers.p99_ms,
        )

    def _used(self, side: Side) -> tuple[int, int]:
        server = cpu_ns((side.server_pid,), without=(self.postgres_pid,))
        return server, cpu_ns((self.postgres_pid,))


def measure(
    bench: Bench, *, rounds: int, seconds: float, say: Callable[[str], None]
) -> list[Finding]:
    """Run all lists, then all creates: a create must not change what is listed."""
    bench.pin()
    return [
        finding
        for operation in OPERATIONS
        for finding in _measure(
            bench,
            [case for case in CASES if case.operation == operation],
            rounds=rounds,
            seconds=seconds,
            say=say,
        )
    ]


def _measure(
    bench: Bench,
    cases: Sequence[Case],
    *,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> Iterator[Finding]:
    pairs: dict[Case, list[Pair]] = {case: [] for case in cases}
    for case in cases:
        say(f"{case.operation}: warm-up, {case.home}")
        bench.pair(case, WARM_UP, first=bench.floor)
    for number in range(rounds):
        # Whoever runs second finds warmer caches and a busier disk: take turns.
        first = bench.ours if number % 2 else bench.floor
        for case in cases:
            say(f"{case.operation}: round {number + 1} of {rounds}, {case.home}")
            pairs[case].append(bench.pair(case, seconds, first=first))
    return (Finding(case, found) for case, found in pairs.items())
