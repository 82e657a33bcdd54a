"""Working: one worker process from its start to its end."""

import asyncio
import gc
import os
import signal
from contextlib import suppress
from pathlib import Path

from insula.kernel.foundation.settings import Settings
from insula.kernel.operations.channels import Channels
from insula.kernel.operations.logs import configure, log_form
from insula.kernel.resource.engine import registered_apps
from insula.server.asgi import calm_garbage_collector
from insula.server.platform import Platform, attach_cluster
from insula.server.worker import Worker

RECYCLE = 75
"""Exit code of a process that has grown too large and wants to be replaced."""
LOOK = 5.0
"""Seconds between looks at the process's own memory."""
STATM = Path("/proc/self/statm")
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> float:
    """The memory that this process has now, in MiB."""
    try:
        return int(STATM.read_text().split()[1]) * PAGE / 2**20
    except OSError:
        return 0.0  # no such file here: nothing is recycled


async def work(settings: Settings) -> int:
    """Work until SIGTERM, or until there is too much memory; the exit code."""
    platform = Platform(settings, attach_cluster(settings), registered_apps())
    worker = Worker(platform)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    growing = asyncio.create_task(watch_memory(worker, settings.worker_memory))
    calm_garbage_collector()
    try:
        await worker.run()
    finally:
        growing.cancel()
        with suppress(asyncio.CancelledError):
            await growing
        await platform.close()
    return RECYCLE if growing.done() and not growing.cancelled() else 0


async def watch_memory(worker: Worker, growth: int) -> None:
    """Stop the worker once it is so much larger than it was with nothing to do."""
    usual = resident()
    while resident() < usual + growth:
        await asyncio.sleep(LOOK)
        gc.collect(1)
    worker.stop()


def main() -> int:
    """All that a worker process does; its exit code."""
    settings = Settings()
    os.nice(settings.worker_nice)
    configure(
        Channels(settings.log_dir), level=settings.log_level, form=log_form(settings)
    )
    return asyncio.run(work(settings))
