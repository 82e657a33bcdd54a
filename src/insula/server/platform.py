"""The platform: everything put together once, for the server and for the command line."""

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import cached_property
from ipaddress import ip_address
from uuid import UUID

import insula.kernel.events.journal
import insula.kernel.identity.models  # noqa: F401  # schema homes are made from the models
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation
from insula.kernel.cache.memory import Cache
from insula.kernel.catalog.installations import Installations
from insula.kernel.database.bootstrap import prepare
from insula.kernel.database.bus import Bus
from insula.kernel.database.cluster import Cluster, cluster_at, cluster_of
from insula.kernel.database.embedded import (
    EmbeddedError,
    EmbeddedPostgres,
    open_server,
)
from insula.kernel.database.home import Home
from insula.kernel.database.migrations import Migrations
from insula.kernel.database.pool import Pools
from insula.kernel.database.session import Session
from insula.kernel.foundation.ids import parse_uuid, uuid7
from insula.kernel.foundation.secret import derive
from insula.kernel.foundation.settings import Settings
from insula.kernel.identity.authenticate import Authenticator
from insula.kernel.identity.owner import seed_owner
from insula.kernel.identity.signing_in import Identity
from insula.kernel.identity.tokens import Tokens
from insula.kernel.plans.standard import ensure_plans
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine, registered_apps
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.directory import Directory
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.provisioning import Provisioning, Terms
from insula.kernel.tenancy.series import KERNEL

AUDIT = """
INSERT INTO control.audit_logs
    (id, tenant_id, admin_id, action, resource_type, resource_id, changes, ip_address)
VALUES ($1, $2, $3, $4, 'operation', $5, $6, $7::inet)
"""


def series_of(apps: Sequence[App]) -> tuple[Migrations, ...]:
    """The migrations of every home: the kernel's, then each app's."""
    each = (Migrations(app.name, app.folder / "migrations") for app in apps)
    return KERNEL, *each


class Platform:
    """An installation in this process; parts that a command does not use are not made."""

    def __init__(
        self, settings: Settings, cluster: Cluster, apps: Sequence[App]
    ) -> None:
        self.settings, self.cluster, self.apps = settings, cluster, apps
        self.key = cluster.key
        self.pools = Pools(
            budget=settings.connections, share=settings.connections_per_database
        )
        login = cluster.app(cluster.control)
        self.control, self.bus = Control(self.pools, login), Bus(login)
        self.homes = Homes(self.control, cluster, series_of(apps))
        self.cache = Cache()

    def open_session(self, home: Home, tenant_id: UUID) -> Session:
        """The door to a tenant's rows."""
        return Session(self.pools, home, tenant_id)

    @cached_property
    def provisioning(self) -> Provisioning:
        """How tenants come, rest and go."""
        terms = Terms(
            base_domain=self.settings.base_domain,
            grace_days=self.settings.delete_grace_days,
        )
        return Provisioning(
            self.control, self.homes, self.open_session, (seed_owner,), terms
        )

    @cached_property
    def installations(self) -> Installations:
        """Which apps tenants may use."""
        return Installations(self.control, {app.name: app.version for app in self.apps})

    @cached_property
    def engine(self) -> Engine:
        """What the declarations of all apps amount to."""
        return Engine(
            self.apps,
            secret=derive(self.key, "cursor"),
            cache=self.cache,
            changed=self._changed,
        )

    @cached_property
    def directory(self) -> Directory:
        """Which tenant a host or an id means."""
        return Directory(
            self.control,
            self.settings.base_domain,
            self.cluster.locate,
            lambda: self.bus.connected,
        )

    @cached_property
    def authenticator(self) -> Authenticator:
        """Whose token it is."""
        return Authenticator(
            Tokens(self.key, self.settings.base_domain),
            self.engine.roles,
            self.control,
            self.open_session,
            lambda: self.bus.connected,
        )

    @cached_property
    def identity(self) -> Identity:
        """Where people sign in."""
        return Identity(self.key, self.authenticator, self.bus.announce)

    async def prepare(self) -> None:
        """Make or update roles, databases, the register, the template, the shared home."""
        await prepare(self.cluster)
        await self.homes.prepare()
        await ensure_plans(self.control)

    def listen(self) -> None:
        """Have everything that remembers hear of changes by other processes."""
        for hear in (self.directory.heard, self.authenticator.heard, self._heard):
            self.bus.subscribe(hear)

    def _changed(self, tenant_id: UUID) -> None:
        self.cache.flush(tenant_id)
        self.bus.mention("rows", tenant_id)

    def _heard(self, topic: str | None) -> None:
        if topic is None:
            self.cache.clear()
            return
        tenant_id = parse_uuid(topic.partition(":")[2])
        if tenant_id is not None:
            self.cache.flush(tenant_id)

    async def audit_operator(
        self, ctx: Context, operation: Operation, call: Call
    ) -> None:
        """Write an operator's request to the trail before it runs (S1-29)."""
        tenant_id = parse_uuid(call.key)
        asked = {"method": operation.method, "request_id": ctx.request_id}
        row = (tenant_id, ctx.actor.id, operation.name, call.key or None, asked)
        await self.control.fetch(AUDIT, uuid7(), *row, _address(ctx.client))

    async def close(self) -> None:
        """Say what is still to be said, then close every connection."""
        await self.bus.stop()
        await self.pools.close()


def _address(client: str) -> str | None:
    try:
        return str(ip_address(client))
    except ValueError:
        return None


def find_cluster(settings: Settings, held: ExitStack) -> Cluster:
    """The PostgreSQL of this installation; the embedded one runs as long as ``held``."""
    prefix, key = settings.database_prefix, settings.key()
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        return cluster_at(url, prefix=prefix, key=key)
    server = held.enter_context(open_server(settings.data_dir))
    return cluster_of(server, prefix=prefix, key=key)


def attach_cluster(settings: Settings) -> Cluster:
    """The PostgreSQL of this installation, which must be running."""
    if settings.database_url is not None:
        return find_cluster(settings, ExitStack())
    server = EmbeddedPostgres(settings.data_dir).attach()
    if server is None:
        raise EmbeddedError(
            f"No PostgreSQL runs on {settings.data_dir}: start it with `insula up`"
        )
    prefix, key = settings.database_prefix, settings.key()
    return cluster_of(server, prefix=prefix, key=key)


@asynccontextmanager
async def open_platform(settings: Settings) -> AsyncIterator[Platform]:
    """The platform for one command: attached to a running server, or with its own."""
    with ExitStack() as held:
        platform = Platform(settings, find_cluster(settings, held), registered_apps())
        try:
            await platform.prepare()
            yield platform
        finally:
            await platform.close()
