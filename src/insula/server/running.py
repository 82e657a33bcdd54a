"""Running: one command that starts the database, prepares it, and serves until told."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from insula.kernel.database.embedded import (
    AlreadyRunning,
    EmbeddedError,
    EmbeddedPostgres,
)
from insula.kernel.foundation.settings import Settings
from insula.kernel.operations.logs import log_form, server_log_config
from insula.server.crew import Bounds, Crew, oldest_waiting
from insula.server.demo import Entrance, for_demo, make_demo
from insula.server.platform import attach_cluster, open_platform
from insula.server.serving import Service, check_address, serve

PATIENCE = 5.0
"""Seconds to wait for a command that has the embedded server for itself."""

Tell = Callable[[list[Entrance]], None]


def run(settings: Settings, *, demo: bool, workers: int, tell: Tell) -> int:
    """Serve until a signal; ``tell`` runs when the first request would be answered."""
    check_address(settings.host, settings.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if demo:
        settings = for_demo(settings)
    with _database(settings):
        entrances = asyncio.run(_prepare(settings, demo=demo))
        with _crew(settings):
            return _serve(settings, workers, lambda: tell(entrances))


def serve_only(settings: Settings, *, workers: int) -> int:
    """Serve until a signal, on a database that somebody else runs and prepared."""
    return _serve(settings, workers, None)


def work_only(settings: Settings) -> int:
    """Run jobs until a signal, on a database that somebody else prepared."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with _crew(settings):
        ended.wait()
    return 0


@contextmanager
def _crew(settings: Settings) -> Iterator[None]:
    """The worker processes, as many as there is work for."""
    if settings.workers_min == 0:
        yield
        return
    _export(settings)
    cluster = attach_cluster(settings)
    login = cluster.app(cluster.control)
    bounds = Bounds(settings.workers_min, settings.workers_max, settings.shutdown_grace)
    crew = Crew(bounds, lambda: oldest_waiting(login))
    thread = threading.Thread(target=crew.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        crew.stop()
        thread.join(settings.shutdown_grace + PATIENCE)


def _serve(
    settings: Settings, workers: int, on_ready: Callable[[], None] | None
) -> int:
    _export(settings)
    service = Service(
        host=settings.host,
        port=settings.port,
        workers=workers,
        target="insula.server.asgi:make()",
        shutdown_grace=settings.shutdown_grace,
        notice=settings.shutdown_notice,
        log_config=server_log_config(log_form(settings)),
    )
    return serve(service, on_ready)


async def _prepare(settings: Settings, *, demo: bool) -> list[Entrance]:
    async with open_platform(settings) as platform:
        return await make_demo(platform) if demo else []


def _database(settings: Settings) -> AbstractContextManager[None]:
    return _embedded(settings) if settings.database_url is None else _elsewhere()


@contextmanager
def _elsewhere() -> Iterator[None]:
    yield


@contextmanager
def _embedded(settings: Settings) -> Iterator[None]:
    """The embedded PostgreSQL as our child, started again whenever it dies."""
    server = EmbeddedPostgres(settings.data_dir)
    _start(server)
    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(server, ended), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join(timeout=5)
        server.stop()


def _start(server: EmbeddedPostgres) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            server.start()
            return
        except AlreadyRunning:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _keep(server: EmbeddedPostgres, ended: threading.Event) -> None:
    while not ended.wait(0.2):
        try:
            if server.restart_if_dead():
                sys.stderr.write("PostgreSQL had died and was started again.\n")
        except EmbeddedError as error:  # killed while it started, or no room: try again
            sys.stderr.write(f"PostgreSQL had died: {error}\n")


def _export(settings: Settings) -> None:
    """Have the worker processes find the same choices in their environment."""
    os.environ["INSULA_DATA_DIR"] = str(settings.data_dir)  # noqa: TID251  # hand-over
    os.environ["INSULA_HOST"] = settings.host  # noqa: TID251  # hand-over
    os.environ["INSULA_PORT"] = str(settings.port)  # noqa: TID251  # hand-over
    if settings.operator_second_factor is not None:
        asked = str(settings.operator_second_factor)
        os.environ["INSULA_OPERATOR_SECOND_FACTOR"] = asked  # noqa: TID251  # hand-over
