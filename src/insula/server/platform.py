"""The platform: everything put together once, for the server and for the command line."""

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from uuid import UUID

import insula.kernel.events.journal
import insula.kernel.identity.models
import insula.kernel.services.models  # schema homes are made from the models
from insula.kernel.access.context import Context
from insula.kernel.access.networks import Networks, open_countries
from insula.kernel.access.operation import Call, Operation
from insula.kernel.cache.front import Cache
from insula.kernel.cache.invalidation import ROWS
from insula.kernel.cache.redis import shared_by
from insula.kernel.catalog.installations import Installations
from insula.kernel.database.bootstrap import opened, prepare
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
from insula.kernel.database.slowness import Slowness
from insula.kernel.events.live.hub import Hub
from insula.kernel.events.live.reading import Reader
from insula.kernel.foundation.ids import parse_uuid, uuid7
from insula.kernel.foundation.languages import Languages
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.foundation.secret import derive
from insula.kernel.foundation.settings import Settings
from insula.kernel.http.limits import Limits, Rates
from insula.kernel.http.shared_buckets import shared_buckets
from insula.kernel.identity.authenticate import Authenticator
from insula.kernel.identity.owner import seed_owner
from insula.kernel.identity.passwords import use_hasher
from insula.kernel.identity.signing_in import Identity
from insula.kernel.identity.signing_keys import SigningKeys
from insula.kernel.identity.tokens import Tokens
from insula.kernel.jobs.request import insert_jobs
from insula.kernel.jobs.tickets import install
from insula.kernel.operations.channels import Channels
from insula.kernel.operations.logs import configure, log_form
from insula.kernel.plans.limits import PlanLimits
from insula.kernel.plans.standard import ensure_plans
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine, registered_apps
from insula.kernel.services.contacts.sessions import ContactSessions
from insula.kernel.services.files.service import Bounds, Files
from insula.kernel.services.live.visibility import Concealment
from insula.kernel.storage.opening import open_scanner, open_storage
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.directory import Directory
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.provisioning import Provisioning, Terms
from insula.kernel.tenancy.series import KERNEL
from insula.kernel.tenancy.waking import WakeUps
from insula.server.services import Services

AUDIT = """
INSERT INTO control.audit_logs
    (id, tenant_id, admin_id, action, resource_type, resource_id, changes, ip_address,
     user_agent)
VALUES ($1, $2, $3, $4, 'operation', $5, $6, $7::inet, $8)
"""

LOCALE = Path(insula.kernel.__file__).parent / "locale"
"""What the kernel says in other languages."""
WORK = "rows"
"""What a notice is called that a tenant may have work to do."""


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
        use_hasher(settings.hasher)
        self.pools = Pools(
            budget=settings.connections,
            share=settings.connections_per_database,
            slowness=Slowness(settings.slow_query, settings.metrics_tenants),
        )
        login = cluster.app(cluster.control)
        self.control, self.bus = Control(self.pools, login), Bus(login)
        self.wake_ups = WakeUps(self.control)
        self.homes = Homes(self.control, cluster, series_of(apps))
        self.cache = Cache(
            shared_by(settings),
            connected=lambda: self.bus.connected,
            mention=self.bus.mention,
        )

    def open_session(self, home: Home, tenant_id: UUID) -> Session:
        """The door to a tenant's rows."""
        return Session(self.pools, home, tenant_id, self.wake_ups)

    @cached_property
    def provisioning(self) -> Provisioning:
        """How tenants come, rest and go."""
        terms = Terms(
            base_domain=self.settings.base_domain,
            grace_days=self.settings.delete_grace_days,
            emptying=(self.files.remove_tenant, self.cache.purge),
        )
        return Provisioning(
            self.control, self.homes, self.open_session, (seed_owner,), terms
        )

    @cached_property
    def installations(self) -> Installations:
        """Which apps tenants may use."""
        versions = {app.name: app.version for app in self.apps if not app.always}
        base = [app.name for app in self.apps if app.always]
        return Installations(self.control, versions, self._installed, base)

    @cached_property
    def services(self) -> Services:
        """What every tenant has, whatever its apps."""
        return Services(self)

    @cached_property
    def engine(self) -> Engine:
        """What the declarations of all services and apps amount to."""
        engine = Engine(
            (*self.services.apps, *self.apps),
            secret=derive(self.key, "cursor"),
            cache=self.cache,
            changed=self._changed,
            languages=self.languages,
        )
        engine.desk.common["merge"] = self.services.merging.asked
        return engine

    @cached_property
    def languages(self) -> Languages:
        """In which languages problems are told."""
        folders = (app.folder / "locale" for app in self.apps)
        return Languages((LOCALE, *folders))

    @cached_property
    def directory(self) -> Directory:
        """Which tenant a host or an id means."""
        return Directory(
            self.control,
            self.settings.base_domain,
            self.cluster.locate,
            lambda: self.bus.connected,
            [app.name for app in self.apps if app.always],
        )

    @cached_property
    def authenticator(self) -> Authenticator:
        """Whose token it is."""
        made = Authenticator(
            Tokens(self.key, self.settings.base_domain),
            self.engine.roles,
            self.control,
            self.open_session,
            lambda: self.bus.connected,
            lambda: self.services.credentials(),
            ContactSessions,
        )
        made.operators.strict = self.services.operating.required
        return made

    @cached_property
    def signing_keys(self) -> SigningKeys:
        """What access tokens are signed with, in every process alike."""
        it = self.authenticator
        return SigningKeys(
            self.control, self.sealer, it.tokens.ring, lambda: it.heard(None)
        )

    @cached_property
    def sealer(self) -> Sealer:
        """What keeps tenants' secrets unreadable at rest."""
        return Sealer(self.key)

    @cached_property
    def files(self) -> Files:
        """The files of all tenants, where the settings want them."""
        settings = self.settings
        bounds = Bounds(file=settings.max_upload_bytes, tenant=settings.storage_bytes)
        return Files(
            open_storage(settings),
            open_scanner(settings),
            PlanLimits(self.control).find,
            self.key,
            bounds=bounds,
        )

    @cached_property
    def live(self) -> Hub:
        """Whoever listens to events in this process."""
        hidden = {it.resource.type: it.resource.hidden for it in self.engine.apis}
        reader = Reader(Concealment(hidden))
        return Hub(self.open_session, lambda: self.bus.connected, reader)

    @cached_property
    def limits(self) -> Limits:
        """How many requests anybody may send."""
        return Limits(Rates.of(self.settings), shared_buckets(self.settings))

    @cached_property
    def networks(self) -> Networks:
        """From where tenants let requests come."""
        return Networks(open_countries(self.settings.geo_database))

    @cached_property
    def identity(self) -> Identity:
        """Where people sign in."""
        doors = self.services.doorkeeper.doors
        return Identity(self.key, self.authenticator, self.bus.announce, doors)

    async def prepare(self) -> None:
        """Make or update roles, databases, the register, the template, the shared home."""
        await prepare(self.cluster)
        await self.homes.prepare()
        async with opened(self.cluster.owner(self.cluster.control)) as owner:
            await install(owner, self.cluster.roles.app)
        await ensure_plans(self.control)

    def listen(self) -> None:
        """Have everything that remembers hear of changes by other processes."""
        for hear in (self.directory.heard, self.authenticator.heard, self.cache.heard):
            self.bus.subscribe(hear)
        self.bus.subscribe(self.signing_keys.heard)
        self.bus.subscribe(self.live.heard)  # after those whom its listeners ask

    async def _installed(self, tenant_id: UUID, app: str) -> None:
        """Let an app that has just come hear of what is stored from before."""
        found = next(it for it in self.apps if it.name == app)
        if any(reaction.replay for reaction in found.reactions):
            tenant = await self.directory.with_id(tenant_id)
            session = self.open_session(tenant.home, tenant_id)
            job = self.services.reactions.replay_for(app)
            async with session.transaction() as transaction:
                await insert_jobs(transaction, [job])

    def _changed(self, tenant_id: UUID) -> None:
        self.cache.drop(tenant_id, ROWS)
        self.bus.mention(WORK, tenant_id)

    async def audit_operator(
        self, ctx: Context, operation: Operation, call: Call
    ) -> None:
        """Write an operator's request to the trail before it runs (S1-29)."""
        tenant_id = ctx.actor.tenant
        if tenant_id is not None:  # inside one, by leave of its own or in an emergency
            await self.services.operating.visited(ctx, operation, call)
        elif operation.name.startswith("tenants."):
            tenant_id = parse_uuid(call.key)
        asked = {"method": operation.method, "request_id": ctx.request_id}
        row = (tenant_id, ctx.actor.id, operation.name, call.key or None, asked)
        seen = _address(ctx.client), call.user_agent
        await self.control.fetch(AUDIT, uuid7(), *row, *seen)

    async def close(self) -> None:
        """Say what is still to be said, then close every connection."""
        if "services" in self.__dict__:
            await self.services.close()
        if "limits" in self.__dict__:
            await self.limits.close()
        await self.cache.close()
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
    """The platform for one command: attached to a running server, or with its own.

    What is logged meanwhile goes to stderr: a command's answer is alone on stdout.
    """
    channels = Channels(settings.log_dir)
    configure(channels, level=settings.log_level, form=log_form(settings))
    with ExitStack() as held:
        platform = Platform(settings, find_cluster(settings, held), registered_apps())
        try:
            await platform.prepare()
            yield platform
        finally:
            await platform.close()
