"""The worker of the benchmark: the platform's own, with tasks that show what they cost."""

import asyncio
import signal
import time
from pathlib import Path

from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.settings import Settings
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import registered_apps
from insula.kernel.resource.unit import WorkContext
from insula.sdk import Command, Reaction, StoredEvent, Task
from insula.server.asgi import calm_garbage_collector
from insula.server.platform import Platform, attach_cluster
from insula.server.worker import Worker

NOTHING, WRITE, NAP, LINGER = (
    "bench.nothing",
    "bench.write",
    "bench.nap",
    "bench.linger",
)
HEARD = "maintenance.asset.created"
LONG = 60.0
ROW = Statement(
    """INSERT INTO home__.inbox (tenant_id, id, created_at, reaction, event_id)
VALUES ($1::text::uuid, $2, $3, 'bench', $4)"""
)


class Nothing(Command):
    """Nothing to say."""


class Nap(Command):
    """How long to sleep."""

    seconds: float


class Linger(Command):
    """A file that tells when the job began; it lasts for ever the first time."""

    file: str


async def _nothing(_: WorkContext, __: Nothing) -> None:
    """Do nothing: what is left is what a job costs."""


async def _write(ctx: WorkContext, _: Nothing) -> None:
    await ctx.transaction.fetch(ROW, uuid7(), now(), uuid7())


async def _nap(_: WorkContext, command: Nap) -> None:
    await asyncio.sleep(command.seconds)


async def _linger(_: WorkContext, command: Linger) -> None:
    if _note_start(Path(command.file)) == 1:
        await asyncio.sleep(LONG)


def _note_start(file: Path) -> int:
    """Write the time down; how many times it was by now."""
    with file.open("a", encoding="ascii") as notes:
        notes.write(f"{time.time()}\n")
    return len(file.read_text(encoding="ascii").split())


async def _hear(_: WorkContext, __: StoredEvent) -> None:
    """Hear of an event; its job tells when that was."""


APP = App(
    name="bench",
    title="Benchmark",
    version="1.0.0",
    folder=Path(__file__).parent,
    resources=(),
    always=True,
    tasks=(
        Task(name=NOTHING, command=Nothing, run=_nothing),
        Task(name=WRITE, command=Nothing, run=_write),
        Task(name=NAP, command=Nap, run=_nap),
        Task(name=LINGER, command=Linger, run=_linger, timeout=2 * LONG),
    ),
    reactions=(Reaction(event=HEARD, run=_hear, name="hear"),),
)


async def work() -> None:
    """Work until SIGTERM."""
    settings = Settings()
    platform = Platform(settings, attach_cluster(settings), (*registered_apps(), APP))
    worker = Worker(platform)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    calm_garbage_collector()
    try:
        await worker.run()
    finally:
        await platform.close()


if __name__ == "__main__":
    asyncio.run(work())
