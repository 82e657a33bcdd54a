"""Errands: requests that are made on the way of another one, and walk as it did."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call

PASSED_ON = (
    b"accept-language",
    b"authorization",
    b"host",
    b"user-agent",
    b"x-tenant-id",
)
"""Headers of the outer request that say who asks, where, and in which language."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A request within a request: it is sent for the same caller, to the same host."""

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes


@dataclass(frozen=True, slots=True)
class Brought:
    """What an errand brought back."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


Run = Callable[[Context, Call, Errand], Awaitable[Brought]]
"""Runs an errand for the caller of an operation; raises a ``Problem`` if it is none."""


class Misunderstood(Exception):
    """What a tool was told cannot be made into a request; the message says why."""


def passed_on(call: Call) -> dict[bytes, bytes]:
    """The headers that an errand has from the request that it is a part of."""
    return {name: call.headers[name] for name in PASSED_ON if name in call.headers}
