"""People of a tenant for tests: they sign in, read their mails and follow the links."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from insula.kernel.database.pool import Record
from insula.kernel.database.session import Session, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.passwords import hash_password
from insula.kernel.mail.choosing import open_mailbox
from insula.kernel.mail.inbound import InboundMail
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

PASSWORD, ANOTHER = "mulberry tram ennui", "wolkenbruch am see 4"
TOKEN = re.compile(r"#token=([\w-]+)")
POLICY = "UPDATE control.tenants SET security = $2 WHERE id = $1"
ADD = Statement(
    "INSERT INTO home__.users (tenant_id, id, created_at, updated_at, version, name,"
    " email, password, roles, settings, login_count, email_verified_at)"
    " VALUES ($1::text::uuid, $2, $3, $3, 1, $4, $5, $6, $7, '{}', 0, $8)"
)


@dataclass
class Place:
    """A tenant as its people see it."""

    house: House
    tenant: Tenant

    @property
    def session(self) -> Session:
        """The door to its rows."""
        return self.house.platform.open_session(self.tenant.home, self.tenant.id)

    def visitor(self, **headers: str) -> Caller:
        """Somebody whom nobody knows."""
        caller = self.house.caller(self.tenant.domain)
        caller.headers |= {name.replace("_", "-"): it for name, it in headers.items()}
        return caller

    async def policy(self, **rules: Any) -> None:
        """Have the tenant's policy say this, and otherwise what is usual."""
        control = self.house.platform.control
        await control.fetch(POLICY, self.tenant.id, rules)
        self.tenant = await self.house.fresh(self.tenant.id)

    async def rows(self, sql: str, *args: object) -> list[Record]:
        """What a statement says, whose ``$1`` is the tenant."""
        async with self.session.transaction() as transaction:
            return list(await transaction.fetch(Statement(sql), *args))

    async def person(
        self,
        email: str = "",
        *roles: str,
        verified: bool = True,
        password: str | None = PASSWORD,
    ) -> UUID:
        """A user with a password; a member unless roles are given."""
        user_id = uuid7()
        email = email or f"{user_id.hex[-12:]}@people.test"
        hashed = None if password is None else await hash_password(password)
        moment = now() if verified else None
        values = "Ada", email, hashed, list(roles) or ["member"], moment
        async with self.session.transaction() as transaction:
            await transaction.fetch(ADD, user_id, now(), *values)
        return user_id

    async def login(
        self, email: str, password: str = PASSWORD, **headers: str
    ) -> Answer:
        """Try to sign in."""
        body = {"email": email, "password": password}
        return await self.visitor(**headers).post("auth/login", body)

    async def signed_in(
        self, email: str, password: str = PASSWORD, **headers: str
    ) -> Caller:
        """Somebody who signed in."""
        answer = await self.login(email, password, **headers)
        caller = self.visitor(**headers)
        caller.token = answer.data["access_token"]
        caller.actor_id = UUID(answer.data["user"]["id"])
        return caller

    async def mails(self, to: str = "") -> list[InboundMail]:
        """The mails of this tenant once all is sent, the oldest first."""
        await self.house.work(self.tenant)
        settings = self.house.platform.settings
        box, folder = open_mailbox(settings), str(self.tenant.id)
        kept = [it for it in box.latest(10_000) if it.tenant == folder]
        found = [box.read(folder, str(it.key)) for it in reversed(kept)]
        return [it for it in found if not to or to in it.to]

    async def subjects(self, to: str = "") -> list[str]:
        """What these mails are about."""
        return [it.subject for it in await self.mails(to)]

    async def token(self, to: str) -> str:
        """The token of the last mail to an address."""
        return token_of((await self.mails(to))[-1])

    async def actions(self, user_id: UUID | None = None) -> list[str]:
        """What the journal says was done, with one user or at all."""
        rows = await self.rows(
            "SELECT action, resource_id, actor_id FROM home__.audit_log"
            " WHERE tenant_id = $1::text::uuid ORDER BY id"
        )
        wanted = (None, user_id)
        return [
            str(row["action"])
            for row in rows
            if user_id is None or row["resource_id"] in wanted[1:]
        ]


def token_of(mail: InboundMail) -> str:
    """The token that a mail carries, which must be there in both of its parts."""
    found = TOKEN.search(mail.text)
    assert found is not None, mail.text
    return found[1]


def same(first: Answer, second: Answer) -> bool:
    """Whether two answers say the same, but for when they said it and to whom."""
    return told(first) == told(second)


def told(answer: Answer) -> tuple[object, ...]:
    """What an answer says, apart from the request's id and the time."""
    body = {name: it for name, it in answer.body.items() if name != "meta"}
    if "error" in body:
        body["error"] = {
            name: it for name, it in body["error"].items() if name != "request_id"
        }
    apart = {"date", "x-request-id", "server-timing"}
    headers: Mapping[str, str] = answer.headers
    kept = sorted((n, it) for n, it in headers.items() if n.lower() not in apart)
    return answer.status, body, kept
