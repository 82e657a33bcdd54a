"""A tiny application for the server's own tests; the environment says how it fails."""

import asyncio
import os
from typing import Any

from insula.server.guard import ON_NOTICE

ready = {"status": 200}
HELLO = b"hello"


def close_the_door() -> None:
    ready["status"] = 503


def say(word: str) -> None:
    """One write: lines of two processes must not mix."""
    os.write(1, f"{word}\n".encode())


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await live(scope, receive, send)
        return
    status, path = 200, scope["path"]
    if path.startswith("/slow/"):
        say("slow begins")
        await asyncio.sleep(float(path[6:]))
        say("slow ends")
    elif path == "/health/ready":
        status = ready["status"]
    elif path == "/busy":  # holds Python's lock, as real work does
        sum(range(100_000))
        await asyncio.sleep(0)
        sum(range(100_000))
    elif path == "/die":
        os._exit(9)
    headers = [(b"content-length", b"%d" % len(HELLO))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": HELLO})


async def live(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    if os.environ.get("TINY_FAILS"):
        raise RuntimeError("the database is away")
    scope[ON_NOTICE](close_the_door)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say("closed in order")
    await send({"type": "lifespan.shutdown.complete"})
