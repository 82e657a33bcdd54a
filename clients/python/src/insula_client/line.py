"""Lines to a server: requests go out, and are tried again where that does no harm."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx2

from insula_client.errors import ConnectionFailed
from insula_client.exchange import Answered, Asked, Patience, pause

AGENT = "insula-client-python/0.1"
Headers = Mapping[str, str]


def headers_of(token: str | None, tenant: str | None) -> dict[str, str]:
    """The headers of every request."""
    found = {"accept": "application/json", "user-agent": AGENT}
    if token is not None:
        found["authorization"] = f"Bearer {token}"
    if tenant is not None:
        found["x-tenant-id"] = tenant
    return found


def _answered(response: httpx2.Response) -> Answered:
    return Answered(response.status_code, response.headers, response.content)


class Line:
    """A line to the host of a tenant."""

    def __init__(
        self, url: str, headers: Headers, patience: Patience, http: httpx2.Client
    ) -> None:
        self._url, self._headers = url.rstrip("/"), headers
        self._patience, self._http = patience, http

    def ask(self, asked: Asked) -> Answered:
        """The answer to anything at all, of which a refusal is raised."""
        headers, content = {**self._headers, **asked.headers()}, asked.payload()
        attempt = 0
        while True:
            attempt += 1
            answered, fault = None, None
            try:
                answered = _answered(
                    self._http.request(
                        asked.method,
                        self._url + asked.path,
                        params=asked.parameters(),
                        headers=headers,
                        content=content,
                    )
                )
            except httpx2.TransportError as error:
                fault = error
            wait = pause(asked, attempt, answered, self._patience)
            if wait is not None:
                time.sleep(wait)
            elif answered is not None:
                return answered.checked()
            else:
                raise ConnectionFailed(str(fault)) from fault

    def envelope(self, asked: Asked) -> Any:
        """The envelope of a success."""
        return self.ask(asked).envelope()

    def data(self, asked: Asked) -> Any:
        """The data of a success."""
        return self.envelope(asked)["data"]

    def content(self, asked: Asked) -> bytes:
        """The bytes of a file."""
        return self.ask(asked).content


class AsyncLine:
    """The same, to be awaited."""

    def __init__(
        self, url: str, headers: Headers, patience: Patience, http: httpx2.AsyncClient
    ) -> None:
        self._url, self._headers = url.rstrip("/"), headers
        self._patience, self._http = patience, http

    async def ask(self, asked: Asked) -> Answered:
        """The answer to anything at all, of which a refusal is raised."""
        headers, content = {**self._headers, **asked.headers()}, asked.payload()
        attempt = 0
        while True:
            attempt += 1
            answered, fault = None, None
            try:
                answered = _answered(
                    await self._http.request(
                        asked.method,
                        self._url + asked.path,
                        params=asked.parameters(),
                        headers=headers,
                        content=content,
                    )
                )
            except httpx2.TransportError as error:
                fault = error
            wait = pause(asked, attempt, answered, self._patience)
            if wait is not None:
                await asyncio.sleep(wait)
            elif answered is not None:
                return answered.checked()
            else:
                raise ConnectionFailed(str(fault)) from fault

    async def envelope(self, asked: Asked) -> Any:
        """The envelope of a success."""
        return (await self.ask(asked)).envelope()

    async def data(self, asked: Asked) -> Any:
        """The data of a success."""
        return (await self.envelope(asked))["data"]

    async def content(self, asked: Asked) -> bytes:
        """The bytes of a file."""
        return (await self.ask(asked)).content
