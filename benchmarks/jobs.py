"""Jobs: how many a second, how fair, how soon after their cause, how soon after a crash."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from rich.table import Table

from benchmarks.jobs_engine import engine_rate, middle_rate
from benchmarks.jobs_latency import latencies
from benchmarks.jobs_stand import Stand, settings_of, stand, until
from benchmarks.jobs_worker import HEARD, LINGER, NAP, NOTHING, WRITE
from benchmarks.postgres import embedded_postgres
from insula.kernel.jobs.models import Queue
from insula.kernel.jobs.tickets import SLOTS
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import WORK

JOBS = 3_000
BACKLOG, NAPS = 100_000, 0.05
ASKED, PAUSE = 30, 0.5
EVENTS = 10_000
RESTARTS = 3
BATCHES = (1, 10, 50)
Say = Callable[[str], None]

HAPPEN = """
INSERT INTO {home}.outbox (tenant_id, id, created_at, name, version, payload)
SELECT $1, gen_random_uuid(), now(), $2, 1, '{{}}' FROM generate_series(1, $3::int)"""
SENT = """
SELECT count(*) FILTER (WHERE sent_at IS NULL), count(DISTINCT sent_at),
       extract(epoch FROM max(sent_at) - min(sent_at))::float
  FROM {home}.outbox WHERE tenant_id = $1 AND name = $2"""


@dataclass(slots=True)
class Figures:
    """What was measured, by name; a figure is a number or a few."""

    found: dict[str, dict[str, float]] = field(default_factory=dict)

    def note(self, name: str, **figures: float) -> None:
        """Keep some figures."""
        self.found[name] = {key: round(it, 3) for key, it in figures.items()}

    def spread(self, name: str, values: Sequence[float]) -> None:
        """Keep how values, in seconds, are spread; in milliseconds."""
        ordered = sorted(values)
        self.note(
            name,
            median_ms=median(ordered) * 1000,
            p95_ms=ordered[int(len(ordered) * 0.95)] * 1000,
            max_ms=ordered[-1] * 1000,
        )

    def document(self) -> dict[str, dict[str, float]]:
        """All of it, for programs."""
        return self.found

    def table(self) -> Table:
        """All of it, for people."""
        grid = Table(title="Jobs", box=None, pad_edge=False, show_header=False)
        for name, figures in self.found.items():
            shown = (
                f"{key} {it:,.3f}".rstrip("0").rstrip(".")
                for key, it in figures.items()
            )
            grid.add_row(name, "  ".join(shown))
        return grid


async def throughput(it: Stand, figures: Figures) -> None:
    """Jobs a second of one worker, over what the bare engine does."""
    dsn = it.postgres.dsn(it.house.cluster.control)
    slots = SLOTS[Queue.default]
    floor = await engine_rate(dsn, JOBS, batch=1, limit=slots)
    free = {n: await engine_rate(dsn, JOBS, batch=n, limit=0) for n in BATCHES}
    best = max(free, key=lambda n: free[n])
    figures.note("engine, same concurrency", jobs_per_s=floor, concurrency=slots)
    figures.note("engine, at its best", jobs_per_s=free[best], batch=best)
    tenants = [await it.tenant(f"busy-{number}") for number in range(20)]
    with it.worker():
        await it.present(1)
        await it.ended(tenants[0], await it.ask(tenants, NOTHING, 20), 400)
        for task in (NOTHING, WRITE):
            for some in (tenants[:1], tenants):
                mark = await it.ask(some, task, JOBS // len(some))
                done = await it.ended(some[0], mark, JOBS)
                rate = middle_rate([row["ended_at"].timestamp() for row in done])
                name = f"{task}, {len(some)} tenants"
                figures.note(
                    name, jobs_per_s=rate, of_engine=rate / floor,
                    of_best=rate / free[best],
                )  # fmt: skip


async def delays(it: Stand, tenant: Tenant) -> list[float]:
    """How long a tenant's jobs wait that are asked for one by one."""
    marks = []
    for _ in range(ASKED):
        marks.append(await it.ask([tenant], NOTHING, 1))
        await asyncio.sleep(PAUSE)
    rows = [(await it.ended(tenant, mark, 1))[0] for mark in marks]
    return [(row["started_at"] - row["created_at"]).total_seconds() for row in rows]


async def fairness(it: Stand, figures: Figures) -> None:
    """What a tenant with little to do feels of one with very much."""
    much, little = await it.tenant("much"), await it.tenant("little")
    with it.worker():
        await it.present(1)
        await it.ended(little, await it.ask([little], NOTHING, 1), 1)
        figures.spread("delay on an idle system", await delays(it, little))
        await it.ask([much], NAP, BACKLOG, seconds=NAPS)
        await asyncio.sleep(2)
        figures.spread(f"delay beside {BACKLOG:,} jobs", await delays(it, little))
        figures.note("length of those jobs", ms=NAPS * 1000)
        await it.clear(much)


async def weights(it: Stand, figures: Figures) -> None:
    """Who pays for more gets more, while both have work."""
    heavy = await it.tenant("heavy", await it.plan("weight-3", 3))
    light = await it.tenant("light", await it.plan("weight-1", 1))
    with it.worker():
        await it.present(1)
        marks = [
            await it.ask([who], NAP, 2_000, seconds=0.02) for who in (light, heavy)
        ]
        await asyncio.sleep(3)
        before = [await _done(it, light, mark) for mark in marks]
        await asyncio.sleep(8)
        after = [await _done(it, light, mark) for mark in marks]
        few, many = (b - a for a, b in zip(before, after, strict=True))
        figures.note(
            "weight 3 beside 1", ratio=many / max(few, 1), heavy=many, light=few
        )
        await it.clear(light)


async def _done(it: Stand, tenant: Tenant, mark: str) -> int:
    sql = "SELECT count(*) FROM {home}.jobs WHERE request_id = $1 AND state = 'done'"
    count: int = (await it.fetch(tenant, sql, mark))[0][0]
    return count


async def relaying(it: Stand, figures: Figures) -> None:
    """From the outbox to jobs: how many events a second."""
    for name, event in (("nobody", "bench.happened"), ("one", HEARD)):
        tenant = await it.tenant(f"tells-{name}")
        with it.worker():
            await it.present(1)
            await it.fetch(tenant, HAPPEN, tenant.id, event, EVENTS)
            await it.house.wake_ups.rouse(tenant.id)
            it.house.bus.mention(WORK, tenant.id)
            turns, seconds = await _sent(it, tenant, event)
            rate = EVENTS * (turns - 1) / turns / seconds
            figures.note(f"relay, {name} listens", events_per_s=rate, turns=turns)
            await it.clear(tenant)


async def _sent(it: Stand, tenant: Tenant, event: str) -> tuple[int, float]:
    """In how many turns all were sent, and how long that took."""
    left, turns, seconds = 1, 0, 0.0

    async def all_sent() -> bool:
        nonlocal left, turns, seconds
        ((left, turns, seconds),) = await it.fetch(tenant, SENT, tenant.id, event)
        return not left

    await until(all_sent)
    return turns, seconds


async def latency(it: Stand, figures: Figures) -> None:
    """From an answered request to the start of its job and to its listeners."""
    starts, told = await latencies(it, ASKED)
    figures.spread("request to start of its job", starts)
    figures.spread("request to its listeners", told)


async def restart(it: Stand, figures: Figures) -> None:
    """From a worker's violent end to the next start of its job elsewhere."""
    tenant, taken = await it.tenant("killed"), []
    for number in range(RESTARTS):
        file = it.settings.data_dir / f"linger-{number}"
        with it.worker() as doomed:
            await it.present(1)
            await it.ask([tenant], LINGER, 1, file=str(file))
            await _lines(file, 1)
            with it.worker():
                await it.present(2)
                os.kill(doomed, signal.SIGKILL)
                killed = datetime.now(UTC).timestamp()
                taken.append((await _lines(file, 2))[1] - killed)
    figures.note("killed to restarted", max_s=max(taken), median_s=median(taken))


async def _lines(file: Path, count: int) -> list[float]:
    async def written() -> bool:
        return len(_read(file)) >= count

    await until(written)
    return _read(file)


def _read(file: Path) -> list[float]:
    return [float(it) for it in file.read_text().split()] if file.exists() else []


PARTS = (throughput, fairness, weights, relaying, latency, restart)


def measure_jobs(say: Say, parts: Sequence[str] = ()) -> Figures:
    """Start an installation in a directory of its own, and measure."""
    figures = Figures()

    async def measure(data_dir: Path) -> None:
        settings = settings_of(data_dir)
        with embedded_postgres(data_dir) as postgres:
            async with stand(settings, postgres) as it:
                for part in PARTS:
                    if not parts or part.__name__ in parts:
                        say(part.__name__)
                        await part(it, figures)

    with tempfile.TemporaryDirectory(prefix="insula-bench-") as directory:
        data_dir = Path(directory)
        data_dir.chmod(0o755)  # PostgreSQL's own user must get through to its folder
        asyncio.run(measure(data_dir))
    return figures
