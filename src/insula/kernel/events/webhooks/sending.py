"""Sending one webhook: a request, what came of it, and not a byte or second too much."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from insula.kernel.events.webhooks.guard import AddressRefused
from insula.kernel.events.webhooks.schedule import retry_after

DEADLINE = 15.0
"""Seconds for everything: name, connection, request, answer."""
MOST_READ = 64 * 1024
"""Bytes of an answer that are read before the connection is dropped."""
EXCERPT = 500
"""Characters of an answer that are kept for the endpoint's owner to look at."""
GONE = 410


@dataclass(frozen=True, slots=True)
class Parcel:
    """A webhook that is ready to go."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it: an answer, or why there was none."""

    status: int | None = None
    error: str | None = None
    milliseconds: int = 0
    excerpt: str | None = None
    retry_after: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more of them."""
        return self.status == GONE

    @property
    def overburdened(self) -> bool:
        """Whether the receiver is down or busy, so that others should wait as well."""
        return self.status is None or self.status == 429 or self.status >= 500

    @property
    def reason(self) -> str:
        """In a few words, what went wrong."""
        return self.error or f"answered {self.status}"


async def send(
    client: httpx2.AsyncClient, parcel: Parcel, *, deadline: float = DEADLINE
) -> Outcome:
    """Send a webhook once; whatever happens is an outcome."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(deadline):
            status, headers, text = await _exchange(client, parcel)
    except (TimeoutError, httpx2.TimeoutException):
        return _failed(f"no answer within {deadline:g} seconds", began)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return _failed(_reason(error), began)
    return Outcome(
        status=status,
        milliseconds=_since(began),
        excerpt=text or None,
        retry_after=retry_after(headers.get("retry-after"), headers.get("date")),
    )


async def _exchange(
    client: httpx2.AsyncClient, parcel: Parcel
) -> tuple[int, httpx2.Headers, str]:
    headers = {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": "Insula-Webhooks/1",
        **parcel.headers,
    }
    async with client.stream(
        "POST", parcel.url, headers=headers, content=parcel.body, timeout=None
    ) as response:
        read = bytearray()
        # Raw: what is packed small is not unpacked large.
        async for chunk in response.aiter_raw():
            read += chunk
            if len(read) >= MOST_READ:
                break
        text = read[: EXCERPT * 4].decode("utf-8", "replace").replace("\x00", "")
        return response.status_code, response.headers, text[:EXCERPT]


def _failed(error: str, began: float) -> Outcome:
    return Outcome(error=error, milliseconds=_since(began))


def _since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)


def _reason(error: Exception) -> str:
    """Why there was no answer, in our own words: errors of the system tell too much."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "the certificate is not valid"
        if isinstance(cause, AddressRefused):
            return f"refused: {cause}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx2.ConnectError):
        return "no connection"
    if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol):
        return "the URL is not valid"
    return "the connection broke"
