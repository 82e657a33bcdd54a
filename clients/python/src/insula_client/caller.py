"""Callers: what a client has beside the API, whatever the API is."""

from types import TracebackType
from typing import Self

import httpx2

from insula_client.exchange import Answered, Asked, Patience
from insula_client.line import AsyncLine, Line, headers_of

USUAL = Patience()
TIMEOUT = 60.0


class Caller:
    """Somebody with a token at the host of a tenant.

    ``token`` is an API key, a personal token or an access token; ``tenant`` is only
    needed on a host that is nobody's own. ``http`` is a client with settings of yours.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        tenant: str | None = None,
        patience: Patience = USUAL,
        http: httpx2.Client | None = None,
    ) -> None:
        self._http = http or httpx2.Client(timeout=TIMEOUT)
        self._line = Line(url, headers_of(token, tenant), patience, self._http)
        self._hang(self._line)

    def _hang(self, line: Line) -> None:
        """Hang the groups of the API to the client."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, asked: Asked) -> Answered:
        """The answer to anything at all, also to what this client has no method for."""
        return self._line.ask(asked)


class AsyncCaller:
    """The same, to be awaited."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        tenant: str | None = None,
        patience: Patience = USUAL,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        self._http = http or httpx2.AsyncClient(timeout=TIMEOUT)
        self._line = AsyncLine(url, headers_of(token, tenant), patience, self._http)
        self._hang(self._line)

    def _hang(self, line: AsyncLine) -> None:
        """Hang the groups of the API to the client."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, asked: Asked) -> Answered:
        """The answer to anything at all, also to what this client has no method for."""
        return await self._line.ask(asked)
