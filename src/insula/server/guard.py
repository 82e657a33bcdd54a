"""The guard around an application: a deadline for requests, and clear start failures."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from signal import SIGUSR1

from insula.kernel.http.asgi import ASGIApp, Message, Receive, Scope, Send

NOTICE = SIGUSR1
"""Tells a worker that the server is about to close its door."""
ON_NOTICE = "insula_on_notice"
"""In the lifespan's scope: takes a callable to run when the notice comes."""


class Guard:
    """Wraps the application in each worker.

    From the notice on, requests have ``grace`` seconds; the rest are cancelled, so
    that the application still closes in order. An error while it starts ends the
    worker; the server alone would go on without the application's start and stop.
    """

    def __init__(self, app: ASGIApp, grace: float) -> None:
        self._app, self._grace = app, grace
        self._requests: set[asyncio.Task[object]] = set()
        self._callbacks: list[Callable[[], None]] = []

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
        scope[ON_NOTICE] = self._callbacks.append
        starting = True

        async def watched(message: Message) -> None:
            nonlocal starting
            starting = False
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if not starting:
                raise
            words = f"The start failed: {type(error).__name__}: {error}"
            await send({"type": "lifespan.startup.failed", "message": words})

    def _take_notice(self) -> None:
        asyncio.get_running_loop().call_later(self._grace, self._cancel)
        while self._callbacks:
            self._callbacks.pop(0)()

    def _cancel(self) -> None:
        for task in self._requests:
            task.cancel("the server stops")


def load(target: str, grace: float) -> ASGIApp:
    """The application ``module:name``, or what the factory ``module:name()`` makes."""
    module, _, name = target.partition(":")
    found = getattr(import_module(module), name.removesuffix("()"))
    return Guard(found() if name.endswith("()") else found, grace)
