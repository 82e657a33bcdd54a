"""A house with tenants in it, and the processes that sign their people in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.roles import RoleBook
from insula.kernel.database.cluster import SHARED_SCHEMA, Cluster
from insula.kernel.database.home import Home, Isolation
from insula.kernel.database.pool import Pools, Record
from insula.kernel.database.session import Session, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.authenticate import Authenticator
from insula.kernel.identity.sessions import Origin
from insula.kernel.identity.signing_in import Identity, Realm
from insula.kernel.identity.tokens import Tokens
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.tenant import Tenant

KEY = b"the root key of nobody's house.."
PASSWORD = "correct horse battery"
ORIGIN = Origin("req-1", "203.0.113.7")
ELSEWHERE = Origin("req-2", "198.51.100.66")
BOOK = RoleBook({"crm.agent": ["crm.deals.manage"]})
VISITOR = Actor(ActorKind.visitor, None)

ADD_USER = Statement(
    "INSERT INTO home__.users (tenant_id, id, created_at, updated_at, version, name,"
    " email, password, roles, settings, login_count, disabled_at)"
    " VALUES ($1::uuid, $2, $3, $3, 1, $4, $5, $6, $7, '{}', 0, $8)"
)


@dataclass
class Process:
    """One server process: its memory, and what it announced to the others."""

    authenticator: Authenticator
    identity: Identity
    announced: list[str]
    connected: bool = True


@dataclass
class House:
    """The databases, and one pool of connections for all processes of a test."""

    cluster: Cluster
    pools: Pools
    hashed: str
    tenants: list[Tenant] = field(default_factory=list)

    @property
    def control(self) -> Control:
        """The control database."""
        return Control(self.pools, self.cluster.app(self.cluster.control))

    def tenant(self, slug: str) -> Tenant:
        """A new tenant in the shared home."""
        login = self.cluster.app(self.cluster.pool)
        home = Home(uuid7(), Isolation.shared, SHARED_SCHEMA, login)
        name = slug.title()
        made = Tenant(uuid7(), slug, name, State.active, slug, home, None, {})
        self.tenants.append(made)
        return made

    async def clear(self) -> None:
        """Leave the shared home as it was, but for what the journal keeps for ever."""
        for tenant in self.tenants:
            for table in ("sessions", "users"):
                await self.rows(
                    tenant, f"DELETE FROM home__.{table} WHERE tenant_id = $1::uuid"
                )

    def open(self, home: Home, tenant_id: UUID) -> Session:
        """A session of a tenant."""
        return Session(self.pools, home, tenant_id)

    def context(self, tenant: Tenant, actor: Actor = VISITOR) -> Context:
        """The context of a request to a tenant."""
        session = self.open(tenant.home, tenant.id)
        return Context(actor, tenant=tenant, session=session, client=ORIGIN.client)

    async def user(self, tenant: Tenant, email: str, **given: Any) -> UUID:
        """A new user; ``password`` is a hash."""
        values = {"password": self.hashed, "roles": ["member"], "disabled": None}
        values |= given
        user_id = uuid7()
        await self.rows(
            tenant,
            ADD_USER,
            user_id,
            now(),
            email.partition("@")[0],
            email,
            *values.values(),
        )
        return user_id

    async def rows(
        self, tenant: Tenant, statement: Statement | str, *args: object
    ) -> Sequence[Record]:
        """Run a statement in a tenant; ``$1`` is its id."""
        if isinstance(statement, str):
            statement = Statement(statement)
        session = self.open(tenant.home, tenant.id)
        async with session.transaction() as transaction:
            return await transaction.fetch(statement, *args)

    async def journal(self, tenant: Tenant) -> list[tuple[Any, ...]]:
        """Action, resource, actor and client of all that was noted, oldest first."""
        rows = await self.rows(
            tenant,
            "SELECT action, resource_id, actor_kind, actor_id, client"
            " FROM home__.audit_log WHERE tenant_id = $1::uuid ORDER BY id",
        )
        return [tuple(row) for row in rows]

    def process(self) -> Process:
        """One more server process, which hears nothing but what a test tells it."""
        announced: list[str] = []
        tokens = Tokens(KEY, "https://insula.test")

        def connected() -> bool:
            return process.connected

        authenticator = Authenticator(tokens, BOOK, self.control, self.open, connected)
        identity = Identity(KEY, authenticator, announced.append)
        process = Process(authenticator, identity, announced)
        return process

    def realm(self, process: Process, tenant: Tenant) -> Realm:
        """Where that process signs the tenant's users in."""
        return process.identity.users(self.context(tenant))
