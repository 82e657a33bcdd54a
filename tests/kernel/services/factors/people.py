"""People who sign in as everybody does, for tests of what they are asked beyond it."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pyotp

from insula.kernel.database.pool import Record
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.factors import totp
from insula.kernel.identity.passwords import hash_password
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

PASSWORD = "mulberry tram ennui"
LOGIN, SECOND = "auth/login", "auth/second-factor"

ADD = Statement(
    "INSERT INTO home__.users (tenant_id, id, created_at, updated_at, version, name,"
    " email, password, roles, settings, login_count, email_verified_at)"
    " VALUES ($1::text::uuid, $2, $3, $3, 1, 'Ada', $4, $5, $6, '{}', 0, $3)"
)
POLICY = "UPDATE control.tenants SET security = $2 WHERE id = $1"


@dataclass
class Person:
    """A user with a password, and the app on their telephone."""

    house: House
    tenant: Tenant
    id: UUID
    email: str
    caller: Caller
    secret: str = ""
    codes: list[str] = field(default_factory=list)
    used: int = 0

    async def login(self, password: str = PASSWORD, **more: Any) -> Answer:
        """Sign in with the password."""
        body = {"email": self.email, "password": password, **more}
        return await self.visitor.post(LOGIN, body)

    @property
    def visitor(self) -> Caller:
        """Their browser, before anybody is signed in."""
        return self.house.caller(self.tenant.domain)

    async def sign_in(self) -> None:
        """Sign in with the password alone, and go on as that."""
        self.let(await self.login())

    def let(self, answer: Answer) -> None:
        """Go on with the tokens of a sign-in."""
        self.caller.token = answer.data["access_token"]

    async def challenge(self) -> str:
        """The challenge after a right password."""
        answer = await self.login()
        assert answer.status == 401, answer.body
        return str(answer.body["error"]["challenge"])

    async def answer(self, challenge: str, **given: Any) -> Answer:
        """Answer a challenge; with an app's code unless something else is given."""
        body = given or {"method": "totp", "code": self.code()}
        return await self.visitor.post(SECOND, {"challenge": challenge, **body})

    def code(self) -> str:
        """A code that was not used yet: within the window there are three."""
        step = max(totp.step_at(now()) - totp.WINDOW, self.used + 1)
        self.used = step
        return pyotp.TOTP(self.secret).generate_otp(step)

    async def enrol(self) -> None:
        """Add an app, being signed in."""
        self.secret = (await self.caller.post("auth/totp")).data["secret"]
        confirmed = await self.caller.post("auth/totp/confirm", {"code": self.code()})
        self.codes = confirmed.data["backup_codes"] or self.codes

    async def forget_steps(self) -> None:
        """As if the codes of this minute had not been used."""
        self.used = 0
        await self.rows(
            "UPDATE home__.totp_factors SET last_step = NULL"
            " WHERE tenant_id = $1::text::uuid AND user_id = $2",
            self.id,
        )

    async def rows(self, sql: str, *args: object) -> list[Record]:
        """What a statement says, whose ``$1`` is the tenant."""
        session = self.house.platform.open_session(self.tenant.home, self.tenant.id)
        async with session.transaction() as transaction:
            return list(await transaction.fetch(Statement(sql), *args))

    async def actions(self) -> list[str]:
        """What the journal says was done with this person."""
        rows = await self.rows(
            "SELECT action FROM home__.audit_log WHERE tenant_id = $1::text::uuid"
            " AND (resource_id = $2 OR actor_id = $2) ORDER BY id",
            self.id,
        )
        return [str(row["action"]) for row in rows]

    async def told(self) -> list[str]:
        """Of what changes a mail told them, the first first."""
        rows = await self.rows(
            "SELECT j.command->'values'->>'what' AS what FROM home__.jobs j"
            " JOIN home__.mails m ON m.tenant_id = j.tenant_id"
            "  AND m.id::text = j.command->>'mail_id'"
            " WHERE j.tenant_id = $1::text::uuid AND m.user_id = $2"
            "   AND m.template = 'mail.security_change' ORDER BY j.id",
            self.id,
        )
        return [str(row["what"]) for row in rows]

    async def let_proof_lapse(self) -> None:
        """As if the last proof of every session were eleven minutes ago."""
        await self.rows(
            "UPDATE home__.sessions SET proved_at = $3"
            " WHERE tenant_id = $1::text::uuid AND user_id = $2",
            self.id,
            now() - timedelta(minutes=11),
        )
        self.house.platform.authenticator.forget_actor(self.id)


async def person(
    house: House, tenant: Tenant, *roles: str, password: str | None = PASSWORD
) -> Person:
    """Somebody new, not signed in yet."""
    user_id = uuid7()
    email = f"{user_id.hex}@{tenant.slug}.test"
    hashed = None if password is None else await hash_password(password)
    made = Person(house, tenant, user_id, email, house.caller(tenant.domain))
    made.caller.actor_id = user_id
    await made.rows(ADD.text, user_id, now(), email, hashed, list(roles) or ["member"])
    return made


async def ada(house: House, tenant: Tenant | None = None) -> Person:
    """Somebody with a password and an app, signed in."""
    made = await person(house, tenant or await house.tenant())
    await made.sign_in()
    await made.enrol()
    return made


async def with_policy(house: House, tenant: Tenant, **policy: Any) -> Tenant:
    """The tenant, under another security policy."""
    await house.platform.control.fetch(POLICY, tenant.id, policy)
    return await house.fresh(tenant.id)
