"""A server process with rates of its own, and callers who come from anywhere."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from insula.kernel.http.asgi import ASGIApp
from insula.kernel.http.buckets import Buckets
from insula.kernel.http.limits import Limits, Rates
from insula.server.build import build_app
from tests.house import Caller, House, Witness

UNLIMITED = dict.fromkeys(Rates.__dataclass_fields__, 0)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Served:
    """The house behind limits that a test chooses; what it does not name is unlimited."""

    def __init__(
        self, house: House, limits: Limits | None = None, **rates: int
    ) -> None:
        self.clock, self.house = Clock(), house
        chosen = Rates(**{**UNLIMITED, **rates})
        limits = limits or Limits(chosen, near=Buckets(self.clock))
        with limited(house, limits):
            self.app: ASGIApp = build_app(house.platform, {}, Witness())

    def caller(self, caller: Caller, client: str = "198.51.100.7") -> Caller:
        """Somebody of the house, who asks this process from an address."""
        transport = httpx2.ASGITransport(app=self.app, client=(client, 4711))
        http = httpx2.AsyncClient(transport=transport, base_url="http://served")
        return Caller(http, caller.host, caller.token, caller.actor_id)

    def stranger(self, host: str, client: str = "198.51.100.7") -> Caller:
        """Somebody whom nobody knows, at a host."""
        return self.caller(Caller(self.house.http, host), client)


@contextmanager
def limited(house: House, limits: Limits) -> Iterator[None]:
    """Whatever is built meanwhile has these limits."""
    parts = house.platform.__dict__
    before = house.platform.limits
    parts["limits"] = limits
    try:
        yield
    finally:
        parts["limits"] = before
