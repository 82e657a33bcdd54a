"""A tenant's door, at which people knock with passwords."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.identity.throttle import (
    Failed,
    Rules,
    SignInThrottled,
    TenantBook,
    Throttle,
)
from insula.kernel.tenancy.tenant import Tenant
from tests.kernel.identity.house import KEY, House

ADA = "ada@acme.test"
ANY = Rules(account=0, strangers=0)
ADD_SESSION = (
    "INSERT INTO home__.sessions (tenant_id, id, created_at, user_id, refresh_hash,"
    " generation, expires_at, client)"
    " VALUES ($1::uuid, gen_random_uuid(), $3, $2, 'x', 0, $3, $4)"
)


@dataclass
class Door:
    """A tenant's door, with a clock that goes when it is told to."""

    house: House
    tenant: Tenant
    rules: Rules = ANY
    at: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC)
    listeners: tuple[Failed, ...] = ()
    book: TenantBook = field(default_factory=TenantBook)

    @property
    def throttle(self) -> Throttle:
        """A new one each time: nothing is kept in the process."""
        failed, clock = self.listeners, lambda: self.at
        return Throttle(KEY, self.book, self.rules, failed=failed, clock=clock)

    def context(self, device: str | None = None) -> Context:
        """Somebody at the door, with what they show."""
        ctx = self.house.context(self.tenant)
        ctx.device = device
        return ctx

    async def knock(
        self, email: str = ADA, client: str = "192.0.2.66", device: str | None = None
    ) -> float:
        """Try a wrong password; the seconds to wait, 0 if it was looked at."""
        try:
            await self.throttle.check(self.context(device), email, client)
        except SignInThrottled as problem:
            return float(str(problem.details["retry_after"]))
        return 0

    async def waits(self, number: int, **given: Any) -> list[float]:
        """What so many tries have to wait."""
        return [await self.knock(**given) for _ in range(number)]

    async def sign_in(self, **given: Any) -> None:
        """Try the right one."""
        device = given.pop("device", None)
        asked = {"email": ADA, "client": "192.0.2.66", **given}
        ctx, throttle = self.context(device), self.throttle
        await throttle.passed(ctx, await throttle.check(ctx, **asked))


async def lived(door: Door, *clients: str, ago: int = 1) -> UUID:
    """Ada, who has signed in from these addresses before."""
    user = await door.house.user(door.tenant, ADA)
    for client in clients:
        then = door.at - timedelta(days=ago)
        await door.house.rows(door.tenant, ADD_SESSION, user, then, client)
    return user
