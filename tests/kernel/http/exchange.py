"""One request and its answer, driven through an ASGI callable without a server."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from insula.kernel.http.asgi import ASGIApp, Message, Scope

HOST = (b"host", b"acme.example.com")


def http_scope(
    *headers: tuple[bytes, bytes],
    method: str = "GET",
    target: bytes = b"/",
    **changes: Any,
) -> Scope:
    """The scope of a plain HTTP request, as a server would make it."""
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "headers": list(headers),
        "client": ("198.51.100.9", 4711),
        "scheme": "http",
        **changes,
    }


@dataclass
class Answer:
    """Everything that an application sent."""

    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def code(self) -> str:
        """The code of the error envelope, whose shape is checked on the way."""
        envelope = json.loads(self.body)
        error = envelope["error"]
        assert envelope["success"] is False
        assert set(error) == {"code", "message", "details", "fields", "request_id"}
        assert error["request_id"] == self.headers[b"x-request-id"].decode()
        return str(error["code"])


async def exchange(
    app: ASGIApp,
    scope: Scope,
    incoming: Iterable[Message] = ({"type": "http.request"},),
) -> Answer:
    """Send the incoming messages, then nothing more, as a stalled client does."""
    answer = Answer()
    waiting = iter(incoming)

    async def receive() -> Message:
        message = next(waiting, None)
        return message if message is not None else await asyncio.Future()

    async def send(message: Message) -> None:
        answer.messages.append(message)

    await app(scope, receive, send)
    return answer


def body_messages(*chunks: bytes) -> list[Message]:
    """A body that arrives in these chunks."""
    last = len(chunks) - 1
    return [
        {"type": "http.request", "body": chunk, "more_body": number < last}
        for number, chunk in enumerate(chunks)
    ]
