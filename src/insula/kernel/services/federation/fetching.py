"""Fetching: what a provider publishes, through the guard, never too much or for too long."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2

from insula.kernel.events.webhooks.guard import AddressRefused
from insula.kernel.foundation.words import Words
from insula.kernel.services.federation.problems import ProviderUnreachable

DEADLINE = 10.0
"""Seconds for everything: name, connection, request, answer."""
MOST_READ = 512 * 1024
"""Bytes of an answer; a provider's keys and settings are a few thousand."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A request to a provider; with a ``form`` it is a POST."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)


async def fetch(client: httpx2.AsyncClient, asking: Asking) -> tuple[int, bytes]:
    """Status and body of an answer; raises ``ProviderUnreachable``."""
    try:
        async with asyncio.timeout(DEADLINE):
            return await _exchange(client, asking)
    except (TimeoutError, httpx2.TimeoutException):
        raise ProviderUnreachable(reason=Words("it does not answer in time")) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise ProviderUnreachable(reason=_reason(error)) from None


async def _exchange(client: httpx2.AsyncClient, asking: Asking) -> tuple[int, bytes]:
    headers = {
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "Insula-Sign-In/1",
        **asking.headers,
    }
    method = "GET" if asking.form is None else "POST"
    data = None if asking.form is None else dict(asking.form)
    async with client.stream(
        method, asking.url, headers=headers, data=data, timeout=None
    ) as response:
        read = bytearray()
        # Raw: what is packed small is not unpacked large.
        async for chunk in response.aiter_raw():
            read += chunk
            if len(read) > MOST_READ:
                reason = Words("it answers at too great a length")
                raise ProviderUnreachable(reason=reason)
        return response.status_code, bytes(read)


def _reason(error: Exception) -> Words:
    """Why there was no answer, in our own words: errors of the system tell too much."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AddressRefused):
            return Words("its address is refused")
        cause = cause.__cause__ or cause.__context__
    return Words("there is no connection")
