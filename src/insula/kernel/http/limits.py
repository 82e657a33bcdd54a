"""Limits: how many requests anybody may send; every layer that applies must let it pass.

The sizes are settings, and a tenant's plan may say others (``PLAN_LIMITS``). With Redis
the buckets are those of all processes together, without it each process has its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from insula.kernel.access.actor import Actor
from insula.kernel.access.networks import network_of
from insula.kernel.access.operation import Audience, Operation
from insula.kernel.foundation.errors import Limited
from insula.kernel.foundation.settings import Settings
from insula.kernel.http.buckets import Buckets, Layer, Subject, Wanted, layer
from insula.kernel.http.request import Request
from insula.kernel.http.shared_buckets import SharedBuckets
from insula.kernel.tenancy.tenant import Tenant

MINUTE, HOUR = 60.0, 3600.0

PLAN_LIMITS = {
    "user": "requests_per_minute_user",
    "tenant": "requests_per_minute",
    "search": "searches_per_minute",
    "bulk": "bulk_per_hour",
}
"""Under which names a plan's ``limits`` override the layers of its tenants."""
TENANTS_OWN = ("search", "bulk")
"""Classes of operations that count for their tenant a second time."""


class RateLimited(Limited):
    """Too many requests: the next one may come in {retry_after} s."""

    code = "RATE_LIMITED"


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests per minute (``bulk``: per hour) in each layer; 0 is no limit."""

    anonymous: int = 60
    auth: int = 60
    login: int = 5
    user: int = 100
    tenant: int = 300
    search: int = 30
    bulk: int = 10

    @classmethod
    def of(cls, settings: Settings) -> "Rates":
        """As the operator chose them."""
        return cls(
            anonymous=settings.limit_anonymous,
            auth=settings.limit_auth,
            login=settings.limit_login,
            user=settings.limit_user,
            tenant=settings.limit_tenant,
            search=settings.limit_search,
            bulk=settings.limit_bulk,
        )


class Limits:
    """Asks the buckets of every layer that a request meets, before it costs anything."""

    def __init__(
        self,
        rates: Rates,
        shared: SharedBuckets | None = None,
        near: Buckets | None = None,
    ) -> None:
        self._shared = shared
        self._near = Buckets() if near is None else near
        doors = {
            name: layer(name, getattr(rates, name), MINUTE)
            for name in ("anonymous", "auth", "login")
        }
        self._doors = {name: it for name, it in doors.items() if it is not None}
        self._usual = {
            name: layer(name, getattr(rates, name), HOUR if name == "bulk" else MINUTE)
            for name in PLAN_LIMITS
        }
        self._classes: dict[Operation, str] = {}

    async def visit(self, request: Request, operation: Operation | None) -> None:
        """Count a request for its address, before anybody looks who sent it.

        Whoever brings a credential is counted by ``admit``, or by ``stray`` if it is
        none.
        """
        request.limits = ()  # it may be walked a second time
        names = _at_the_door(request, operation)
        if names:
            await self._pass_door(request, names)

    async def stray(self, request: Request) -> None:
        """Count a request whose credential is good for nothing for its address."""
        if _has_credential(request):
            await self._pass_door(request, ("anonymous",))

    async def admit(
        self,
        request: Request,
        operation: Operation,
        tenant: Tenant | None,
        actor: Actor,
    ) -> None:
        """Count a request for its actor and its tenant."""
        if actor.id is None:
            return
        plan: Mapping[str, Any] = {} if tenant is None else tenant.limits
        wanted: list[tuple[Layer, Subject]] = []
        if rule := self._rule("user", plan):
            wanted.append((rule, (actor.id, self._class(operation))))
        if tenant is not None:
            whose = (tenant.id,)
            if rule := self._rule("tenant", plan):
                wanted.append((rule, whose))
            kind = operation.limit
            if kind in TENANTS_OWN and (rule := self._rule(kind, plan)):
                wanted.append((rule, whose))
        if wanted:
            await self._take(request, wanted)

    async def close(self) -> None:
        """Close the connections to the shared buckets."""
        if self._shared is not None:
            await self._shared.close()

    def _rule(self, name: str, plan: Mapping[str, Any]) -> Layer | None:
        quota = plan.get(PLAN_LIMITS[name]) if plan else None
        if not isinstance(quota, int):
            return self._usual[name]
        return layer(name, quota, HOUR if name == "bulk" else MINUTE)

    def _class(self, operation: Operation) -> str:
        """Reading a resource, and writing it: each is a class of endpoints (S3-70)."""
        known = self._classes.get(operation)
        if known is None:
            area = operation.name.rpartition(".")[0] or operation.name
            known = f"{area}:{'write' if operation.writes else 'read'}"
            self._classes[operation] = known
        return known

    async def _pass_door(self, request: Request, names: tuple[str, ...]) -> None:
        doors, subject = self._doors, (network_of(request.origin.client),)
        wanted = [(doors[name], subject) for name in names if name in doors]
        if wanted:
            await self._take(request, wanted)

    async def _take(self, request: Request, wanted: Wanted) -> None:
        taken = None
        if self._shared is not None:
            taken = await self._shared.take(wanted)
        if taken is None:
            taken = self._near.take(wanted)
        told = zip(wanted, taken.debts, strict=True)
        left = b", ".join([rule.left(debt) for (rule, _), debt in told])
        policy = b", ".join([rule.policy for rule, _ in wanted])
        headers = (b"ratelimit", left), (b"ratelimit-policy", policy)
        request.limits = (*request.limits, *headers) if request.limits else headers
        if taken.wait:
            raise RateLimited(retry_after=max(1, math.ceil(taken.wait)))


def _at_the_door(request: Request, operation: Operation | None) -> tuple[str, ...]:
    """In which layers a request counts for its address."""
    if operation is None:
        return ("anonymous",)
    match operation.limit:
        case "login":
            return ("auth", "login")
        case "auth":
            return ("auth",)
    if operation.audience in (Audience.visitor, Audience.gate):
        return ("anonymous",)
    return () if _has_credential(request) else ("anonymous",)


def _has_credential(request: Request) -> bool:
    headers = request.headers
    return b"authorization" in headers or b"insula=" in headers.get(b"cookie", b"")
