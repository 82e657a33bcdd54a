"""People of a tenant who sign in, and what is kept of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from insula.kernel.database.session import Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.passwords import hash_password
from insula.kernel.resource.app import Schedule
from insula.kernel.services.analytics.manifest import service
from insula.kernel.tenancy.tenant import Tenant
from insula.server.scheduler import run_schedule
from tests.house import Answer, Caller, House

PASSWORD = "a-good-long-passphrase"
SET = Statement(
    "UPDATE home__.users SET password = $3, email = $4, email_verified_at = now()"
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)
EVENTS = Statement(
    "SELECT * FROM home__.login_events WHERE tenant_id = $1::text::uuid ORDER BY id"
)
DAYS = Statement(
    "SELECT day, logins, users, failures, methods, reasons, hours"
    " FROM home__.login_daily WHERE tenant_id = $1::text::uuid ORDER BY day"
)
ADD = Statement(
    "INSERT INTO home__.login_events (tenant_id, id, created_at, user_id, succeeded,"
    " method, reason) VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7)"
)
ZONE = """
UPDATE control.tenants SET settings = jsonb_build_object('timezone', $2::text)
 WHERE id = $1"""
NIGHTLY: Schedule = service.schedules[0]


@dataclass
class People:
    """A tenant, its owner, and somebody who knows their password."""

    house: House
    tenant: Tenant
    owner: Caller
    ada: UUID
    email: str

    @classmethod
    async def of(cls, house: House, zone: str | None = None) -> "People":
        """A new tenant, in that time zone."""
        tenant = await house.tenant(apps=())
        if zone is not None:
            await house.platform.control.fetch(ZONE, tenant.id, zone)
            tenant = await house.fresh(tenant.id)
        owner, ada = await house.user(tenant), await house.user(tenant, "member")
        assert ada.actor_id is not None
        made = cls(house, tenant, owner, ada.actor_id, f"{uuid7().hex}@acme.test")
        hashed = await hash_password(PASSWORD)
        await made.rows(SET, made.ada, hashed, made.email)
        await house.work(tenant)
        return made

    async def rows(self, statement: Statement, *args: object) -> Sequence[Any]:
        """Run a statement in the tenant."""
        session = self.house.platform.open_session(self.tenant.home, self.tenant.id)
        async with session.transaction() as transaction:
            return await transaction.fetch(statement, *args)

    async def sign_in(self, password: str = PASSWORD, email: str = "") -> Answer:
        """Try a password at the front door."""
        visitor = self.house.caller(self.tenant.domain)
        body = {"email": email or self.email, "password": password}
        return await visitor.post("auth/login", body)

    async def add(
        self, at: str, user: UUID | None = None, method: str = "pwd", reason: str = ""
    ) -> None:
        """Write an event; one with a reason is of a failure."""
        moment = datetime.fromisoformat(at)
        how = (None, reason) if reason else (method, None)
        await self.rows(ADD, uuid7(), moment, user, not reason, *how)

    async def night(self) -> None:
        """Do what is done each night."""
        await run_schedule(self.house.platform, NIGHTLY, self.tenant.id)

    async def days(self) -> list[Mapping[str, Any]]:
        """What is kept of each day."""
        return [dict(row) for row in await self.rows(DAYS)]

    async def told(self, path: str, query: str = "") -> Any:
        """What the owner is told."""
        return (await self.owner.get(f"analytics/logins/{path}{query}")).data
