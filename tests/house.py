"""The whole house for tests: the real application, driven as a client would drive it."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from uuid import UUID

import httpx2

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.http.application import Visit
from insula.kernel.http.asgi import ASGIApp
from insula.kernel.identity.sessions import Origin
from insula.kernel.jobs.dispatching import Dispatcher
from insula.kernel.jobs.tickets import Ticket
from insula.kernel.tenancy.new_tenant import NewTenant
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import Platform
from insula.server.worker import make_relay, make_runner

HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$fO8DYpTeKxQ"
"""Stands for a password that nobody knows; these users get their session directly."""

OPERATORS_PASSWORD = "a-good-long-passphrase"  # of tests

ADD_USER = Statement(
    "INSERT INTO home__.users (tenant_id, id, created_at, updated_at, version, name,"
    " email, password, roles, settings, login_count)"
    " VALUES ($1::text::uuid, $2, $3, $3, 1, $4, $4, $5, $6, '{}', 0)"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, its body decoded."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def data(self) -> Any:
        """The data of a success."""
        assert self.status < 300, (self.status, self.body)
        return self.body["data"]

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self.status >= 400, (self.status, self.body)
        return str(self.body["error"]["code"])


@dataclass(slots=True)
class Caller:
    """Somebody with a token (or none) at a host."""

    http: httpx2.AsyncClient
    host: str
    token: str | None = None
    actor_id: UUID | None = None
    headers: dict[str, str] = field(default_factory=dict)

    async def send(
        self,
        method: str,
        path: str,
        *,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        """Send one request; ``path`` begins behind ``/api/v1/`` unless with a slash."""
        sent = {"host": self.host, **self.headers, **(headers or {})}
        if self.token is not None:
            sent.setdefault("authorization", f"Bearer {self.token}")
        if json_body is not None:
            sent.setdefault("content-type", "application/json")
            more["content"] = json.dumps(json_body)
        url = path if path.startswith("/") else f"/api/v1/{path}"
        got = await self.http.request(method, url, headers=sent, **more)
        is_json = got.headers.get("content-type", "").startswith("application/json")
        body = got.json() if is_json and got.content else got.text
        return Answer(got.status_code, body, got.headers)

    async def get(self, path: str, **more: Any) -> Answer:
        """GET."""
        return await self.send("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        """POST; without a body none is sent."""
        return await self.send("POST", path, json_body=body, **more)

    async def patch(self, path: str, body: Any, **more: Any) -> Answer:
        """PATCH."""
        return await self.send("PATCH", path, json_body=body, **more)

    async def create(self, path: str, **fields: Any) -> Any:
        """Make a row, which must succeed."""
        return (await self.post(path, fields)).data


class Witness:
    """An observer that keeps the faults of the program, so that tests can fail on them."""

    def __init__(self) -> None:
        self.faults: list[BaseException] = []
        self.visits: list[Visit] = []

    def enter(self) -> None:
        """A request begins."""

    def leave(self, visit: Visit) -> None:
        """A request has been answered."""
        self.visits = [*self.visits[-99:], visit]

    def failed(self, _: str, error: BaseException) -> None:
        """A request met a fault of the program."""
        self.faults.append(error)


class House:
    """A platform with its application, and tenants as tests want them."""

    def __init__(self, platform: Platform, app: ASGIApp, witness: Witness) -> None:
        self.platform, self.app, self.witness = platform, app, witness
        transport = httpx2.ASGITransport(app=app)
        # Callers are many: what a browser would keep, a test sends along itself.
        jar = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self.http = httpx2.AsyncClient(
            transport=transport, base_url="http://house", cookies=jar
        )

    def caller(self, host: str, token: str | None = None) -> Caller:
        """Somebody at a host, without a token unless one is given."""
        return Caller(self.http, host, token)

    async def tenant(
        self,
        isolation: Isolation = Isolation.shared,
        *,
        apps: tuple[str, ...] = ("maintenance",),
        name: str = "",
    ) -> Tenant:
        """A new tenant with these apps."""
        slug = f"t-{secrets.token_hex(5)}"
        new = NewTenant(slug=slug, name=name or slug.title(), isolation=isolation)
        view = await self.platform.provisioning.create(new)
        for app in apps:
            await self.platform.installations.install(view.id, app)
        return await self.fresh(view.id)

    async def work(self, tenant: Tenant) -> int:
        """Relay a tenant's events and run its due jobs, until there is nothing to do."""
        return await work_off(self.platform, tenant)

    async def fresh(self, tenant_id: UUID) -> Tenant:
        """The tenant as the directory would load it now."""
        self.platform.directory.heard(f"tenant:{tenant_id}")
        return await self.platform.directory.with_id(tenant_id)

    async def user(self, tenant: Tenant, *roles: str) -> Caller:
        """A signed-in user of a tenant with these roles; ``owner`` without any."""
        session = self.platform.open_session(tenant.home, tenant.id)
        user_id, email = uuid7(), f"{secrets.token_hex(5)}@{tenant.slug}.test"
        given = list(roles) or ["owner"]
        async with session.transaction() as transaction:
            await transaction.fetch(ADD_USER, user_id, now(), email, HASH, given)
        nobody = Actor(ActorKind.visitor, None)
        ctx = Context(nobody, tenant=tenant, session=session)
        realm = self.platform.identity.users(ctx)
        account = await realm.accounts.find(email)
        assert account is not None
        signed_in = await realm.begin(account, ("pwd",), Origin("test", "127.0.0.1"))
        return Caller(self.http, tenant.domain, signed_in.access_token, user_id)

    async def operator(self, *permissions: str, email: str = "") -> Caller:
        """A signed-in operator with a second factor; without permissions, with all."""
        operating = self.platform.services.operating
        made = await operating.operators.create(
            email or f"{secrets.token_hex(5)}@insula.test",
            OPERATORS_PASSWORD,
            permissions=permissions or ("*",),
        )
        await operating.factors.provide(made.id)
        ctx = Context(Actor(ActorKind.visitor, None))
        realm = self.platform.identity.operators(ctx)
        account = await realm.accounts.get(made.id)
        assert account is not None
        origin = Origin("test", "127.0.0.1")
        signed_in = await realm.enter(account, ("pwd", "otp"), origin)
        host = f"admin.{self.platform.settings.base_domain}"
        return Caller(self.http, host, signed_in.access_token, made.id)


async def work_off(platform: Platform, tenant: Tenant) -> int:
    """Give a tenant its turn and run its due jobs, until there is nothing to do.

    As a worker does, but here and now; answers how many jobs were run.
    """
    issued: list[Ticket] = []

    async def issue(tickets: Sequence[Ticket], _: int) -> None:
        issued.extend(tickets)

    tasks = platform.engine.tasks.values()
    rates = {it.name: it.rate for it in tasks if it.rate is not None}
    relay = make_relay(platform, Dispatcher(rates, issue))
    runner, ran = make_runner(platform), 0
    session = platform.open_session(tenant.home, tenant.id)
    while True:
        turn = await relay.turn(session, tenant.id)
        tickets, issued[:] = list(issued), []
        for ticket in tickets:
            await runner.handle(ticket)
        ran += len(tickets)
        if not tickets and (turn.look_at is None or turn.look_at > now()):
            return ran
