"""The guard around an application: an orderly end, and clear start failures."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGINT, SIGTERM, SIGUSR1

from insula.kernel.foundation.loading import load_module
from insula.kernel.http.asgi import ASGIApp, Message, Receive, Scope, Send

NOTICE = SIGUSR1
"""Tells a worker that the server is about to close its door."""
ON_NOTICE = "insula_on_notice"
"""In the lifespan's scope: takes a callable to run when the notice comes."""
CLOSING_TIME = 10.0
"""Seconds that the application has to close once its requests are done."""
FLUSH_TIME = 0.1
"""Seconds in which the server hands the last answers to the network."""
FILES = Path("/proc/self/fd")


class Guard:
    """Wraps the application in each worker.

    From the notice on, requests have ``grace`` seconds; the rest are cancelled, so
    that the application still closes in order. An error while it starts ends the
    worker; the server alone would go on without the application's start and stop.

    The worker ends by itself when it is told to. granian's own handler of signals
    holds Python's lock while it waits for a thread that may be waiting for that lock:
    under traffic a worker then hung, and its port with it.
    """

    def __init__(self, app: ASGIApp, grace: float) -> None:
        self._app, self._grace = app, grace
        self._requests: set[asyncio.Task[object]] = set()
        self._callbacks: list[Callable[[], None]] = []
        self._ending, self._closed = asyncio.Event(), asyncio.Event()
        self._end: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and remember which task is at work on what."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        task = asyncio.current_task()
        assert task is not None
        self._requests.add(task)
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests.discard(task)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(NOTICE, self._take_notice)
        for number in (SIGTERM, SIGINT):
            loop.add_signal_handler(number, self._begin_end)
        scope[ON_NOTICE] = self._callbacks.append
        starting = True

        async def told() -> Message:
            if starting:
                return await receive()
            await self._ending.wait()
            return {"type": "lifespan.shutdown"}

        async def watched(message: Message) -> None:
            nonlocal starting
            starting = False
            if message["type"].startswith("lifespan.startup"):
                await send(message)

        try:
            await self._app(scope, told, watched)
        except Exception as error:
            if not starting:
                raise
            words = f"The start failed: {type(error).__name__}: {error}"
            await send({"type": "lifespan.startup.failed", "message": words})
        finally:
            self._closed.set()

    def _begin_end(self) -> None:
        if self._end is None:
            self._end = asyncio.get_running_loop().create_task(self._finish())

    async def _finish(self) -> None:
        """Close the door, let the requests end, close the application, and go."""
        self._take_notice()
        for listener in _listeners():
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
        while self._requests:
            await asyncio.wait(set(self._requests))
        self._ending.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), CLOSING_TIME)
        await asyncio.sleep(FLUSH_TIME)
        os._exit(0)

    def _take_notice(self) -> None:
        asyncio.get_running_loop().call_later(self._grace, self._cancel)
        while self._callbacks:
            self._callbacks.pop(0)()

    def _cancel(self) -> None:
        for task in self._requests:
            task.cancel("the server stops")


def _listeners() -> Iterator[socket.socket]:
    """The sockets at which this worker listens; each has its own (SO_REUSEPORT)."""
    for entry in FILES.iterdir() if FILES.exists() else ():
        with suppress(OSError):
            found = socket.socket(fileno=os.dup(int(entry.name)))
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                yield found
            found.close()


def load(target: str, grace: float) -> ASGIApp:
    """The application ``module:name``, or what the factory ``module:name()`` makes."""
    module, _, name = target.partition(":")
    found = getattr(load_module(module), name.removesuffix("()"))
    return Guard(found() if name.endswith("()") else found, grace)
