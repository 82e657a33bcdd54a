"""Inside: a request within a request, through the same application as any other.

It takes the whole walk. Only the front does not see it: what that looks for was looked
for in the request around it, but for the address, which is new.
"""

from collections.abc import MutableMapping
from typing import Any

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call
from insula.kernel.http.asgi import ASGIApp, Scope
from insula.kernel.http.body import BodyGuard
from insula.kernel.http.front import check_target
from insula.kernel.http.origin import Origin, parse_host
from insula.kernel.services.mcp.errands import Brought, Errand, passed_on

TIMEOUT = 30.0
"""Seconds for a body that is there already; a walk that is repeated reads it again."""


class Inside:
    """Runs errands of operations; everything of an answer but streams is brought back."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, ctx: Context, call: Call, errand: Errand) -> Brought:
        """What the application answers to whoever called the operation."""
        scope = _scope(ctx, call, errand)
        check_target(scope)
        exchange = _Exchange(errand.body)
        body = BodyGuard(exchange.receive, len(errand.body), TIMEOUT)
        await self._application(scope, body, exchange.send)
        return Brought(exchange.status, exchange.headers, exchange.body)


class _Exchange:
    """One request and its answer, in memory."""

    def __init__(self, body: bytes) -> None:
        self._sent: MutableMapping[str, Any] = {"type": "http.request", "body": body}
        self.status, self.body = 500, b""
        self.headers: list[tuple[bytes, bytes]] = []

    async def receive(self) -> MutableMapping[str, Any]:
        """The body, and then nothing more."""
        sent, self._sent = self._sent, {"type": "http.disconnect"}
        return sent

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message["headers"])
        else:
            self.body += message.get("body", b"")


def _scope(ctx: Context, call: Call, errand: Errand) -> Scope:
    host, port = parse_host(call.authority.encode("latin-1"))
    scheme = "https" if call.secure else "http"
    origin = Origin(ctx.request_id, ctx.client, scheme, host, port)
    return {
        "type": "http",
        "method": errand.method,
        "path": errand.path,
        "raw_path": errand.path.encode("ascii"),
        "query_string": errand.query,
        "insula_headers": {**passed_on(call), **errand.headers},
        "insula": origin,
    }
