"""Homes: where tenants are placed, and how their homes are made and torn down."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property
from uuid import UUID

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.cluster import (
    SHARED_SCHEMA,
    TENANT_SCHEMA,
    Cluster,
    tenant_name,
)
from insula.kernel.database.control import CONTROL_SCHEMA
from insula.kernel.database.fitting import fit
from insula.kernel.database.home import Home, Isolation, Login
from insula.kernel.database.migrations import (
    Migrations,
    Notice,
    declared,
    heads,
    upgrade,
    version,
    version_rows,
)
from insula.kernel.database.pool import Connection, Record
from insula.kernel.database.purge import purge_tenant
from insula.kernel.database.schema import ddl
from insula.kernel.database.searchable import search_digest
from insula.kernel.foundation.errors import NotFound, Problem
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.building import (
    drop_database,
    drop_schema,
    make_database,
    make_schema,
)
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.series import CONTROL

LOCAL = "local"
"""The server that the installation itself was given."""
TEMPLATE_LOCK = "insula.template"

REGISTER = """
WITH server AS (
    INSERT INTO control.servers (id, name, host, port, sslmode)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (name) DO UPDATE SET host = $3, port = $4, sslmode = $5
    RETURNING id)
INSERT INTO control.homes (id, server_id, isolation, database, schema)
SELECT $6, id, 'shared', $7, $8 FROM server
    ON CONFLICT (server_id, database, schema) DO NOTHING
"""
PLACE = """
INSERT INTO control.homes (id, server_id, isolation, database, schema)
SELECT $1, id, $2, $3, $4 FROM control.servers WHERE name = $5
    ON CONFLICT (server_id, database, schema) DO NOTHING
"""
HOMES = """
SELECT h.id, h.isolation, h.database, h.schema, s.name AS server, s.host, s.port,
       s.sslmode
  FROM control.homes h JOIN control.servers s ON s.id = h.server_id
"""
AT = HOMES + " WHERE s.name = $1 AND h.database = $2 AND h.schema = $3"
BY_ID = HOMES + " WHERE h.id = $1"
# A home without a version is not built yet; whoever builds it makes it current.
STALE = f"""{HOMES}
 WHERE h.version <> $1 OR (h.version IS NULL AND h.isolation = 'shared')
 ORDER BY h.isolation = 'shared' DESC, h.id
"""
STAMP = """
UPDATE control.homes SET version = $2, migrated_at = now(), error = NULL
 WHERE id = $1 AND (version IS DISTINCT FROM $2 OR error IS NOT NULL)
"""
FAILED = "UPDATE control.homes SET error = $2 WHERE id = $1"
REMOVE = """
WITH left_behind AS (
    UPDATE control.tenants SET home_id = NULL WHERE home_id = $1)
DELETE FROM control.homes WHERE id = $1
"""


class HomeNotFound(NotFound):
    """There is no such home."""

    code = "HOME_NOT_FOUND"


class ModelsDiffer(Problem):
    """The models and the migrations make different tables: {tables}."""

    code = "MODELS_DIFFER"


class Homes:
    """Every home of an installation; ``series`` are what is in each of them.

    The models of all series must have been imported: schema homes are made from them.
    """

    def __init__(
        self, control: Control, cluster: Cluster, series: Sequence[Migrations]
    ) -> None:
        self.cluster, self.series = cluster, series
        self._control = control

    @cached_property
    def version(self) -> str:
        """The version of a home that is current: its tables, and how they are searched."""
        return f"{self._heads}{search_digest(declared(self.series))}"

    @cached_property
    def _heads(self) -> str:
        return heads(self.series)

    @cached_property
    def _tables(self) -> str:
        return f"{ddl(self.cluster.roles, declared(self.series))};\n{version_rows(self.series)}"

    async def prepare(self) -> None:
        """Bring the control database, the template and the shared home up to date."""
        await self.prepare_template()
        await self.migrate(await self.shared())

    async def prepare_template(self, notice: Notice | None = None) -> None:
        """Bring up to date what all homes depend on: the register and the template."""
        control = self.cluster.owner(self.cluster.control)
        roles = self.cluster.roles
        await upgrade(control, CONTROL_SCHEMA, [CONTROL], roles, notice)
        await self._register()
        template = self.cluster.owner(self.cluster.template)
        # Nobody may clone a template to which somebody is connected.
        async with self._alone(TEMPLATE_LOCK):
            await upgrade(template, TENANT_SCHEMA, self.series, roles, notice)
            async with opened(template) as connection:
                await self._require_models(connection)
                await self._fit(connection, TENANT_SCHEMA)

    async def _register(self) -> None:
        admin = self.cluster.admin
        server = (uuid7(), LOCAL, admin.host, admin.port, admin.ssl)
        shared = (uuid7(), self.cluster.pool, SHARED_SCHEMA)
        await self._control.fetch(REGISTER, *server, *shared)

    async def _require_models(self, template: Connection) -> None:
        if await version(template, TENANT_SCHEMA, self.series) != self._heads:
            return  # newer code was here already
        rows = await template.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition",
            TENANT_SCHEMA,
        )
        made = {row["relname"] for row in rows}
        made -= {one.version_table for one in self.series}
        if differing := made ^ {table.name for table in declared(self.series)}:
            raise ModelsDiffer(tables=", ".join(sorted(differing)))

    async def shared(self) -> Home:
        """The home that tenants share."""
        return await self._find(AT, LOCAL, self.cluster.pool, SHARED_SCHEMA)

    async def load(self, home_id: UUID) -> Home:
        """The home of that id; raises ``HomeNotFound``."""
        return await self._find(BY_ID, home_id)

    async def place(self, tenant_id: UUID, isolation: Isolation) -> Home:
        """The home where a tenant is to live; its row alone, nothing is built."""
        if isolation is Isolation.shared:
            return await self.shared()
        name = tenant_name(tenant_id)
        at = (self.cluster.pool, name)
        if isolation is Isolation.database:
            at = (name, TENANT_SCHEMA)
        await self._control.fetch(PLACE, uuid7(), isolation, *at, LOCAL)
        return await self._find(AT, LOCAL, *at)

    async def stale(self) -> list[Home]:
        """Every built home that is not current; those of most tenants come first."""
        rows = await self._control.fetch(STALE, self.version)
        return [self._home(row) for row in rows]

    async def _find(self, query: str, *args: object) -> Home:
        rows = await self._control.fetch(query, *args)
        if not rows:
            raise HomeNotFound
        return self._home(rows[0])

    def _home(self, row: Record) -> Home:
        isolation = Isolation(row["isolation"])
        login = self.cluster.locate(isolation, row["database"])
        if row["server"] != LOCAL:
            login = replace(
                login, host=row["host"], port=row["port"], ssl=row["sslmode"]
            )
        return Home(row["id"], isolation, row["schema"], login)

    def owner(self, home: Home) -> Login:
        """A home as the role that owns its tables; for DDL and purges alone."""
        owner = self.cluster.owner(home.login.database)
        return replace(home.login, user=owner.user, password=owner.password)

    async def build(self, home: Home) -> None:
        """Make a home; killed at any line, it may simply be called again."""
        if home.isolation is Isolation.database:
            await self._clone(home)
        async with opened(self.owner(home)) as owner:
            if home.isolation is Isolation.schema:
                await make_schema(owner, home.schema, self.cluster.roles, self._tables)
            found = await version(owner, home.schema, self.series)
            if found == self._heads:
                await self._fit(owner, home.schema)
        if found == self._heads:
            await self._control.fetch(STAMP, home.id, self.version)
        else:
            await self.migrate(home)

    async def _fit(self, owner: Connection, schema: str) -> None:
        """Have a schema's tables searched as declared, unless newer code was here."""
        if await version(owner, schema, self.series) == self._heads:
            tables, roles = declared(self.series), self.cluster.roles
            await fit(owner, schema, tables, roles)

    async def _clone(self, home: Home) -> None:
        name = home.login.database
        async with (
            self._alone(f"insula.home:{name}", beside=TEMPLATE_LOCK),
            opened(replace(self.owner(home), database=self.cluster.pool)) as owner,
        ):
            await make_database(owner, name, self.cluster)

    async def migrate(self, home: Home, notice: Notice | None = None) -> None:
        """Bring a home to the code's version; harmless when it is there."""
        roles = self.cluster.roles
        login = self.owner(home)
        await upgrade(login, home.schema, self.series, roles, notice)
        async with opened(login) as owner:
            await self._fit(owner, home.schema)
        await self._control.fetch(STAMP, home.id, self.version)

    async def report_failure(self, home: Home, error: str) -> None:
        """Keep why a home could not be migrated, until it is."""
        await self._control.fetch(FAILED, home.id, error)

    async def demolish(self, home: Home) -> None:
        """Tear down a home with all that is in it; the shared home stays."""
        if home.isolation is Isolation.shared:
            return
        own = home.isolation is Isolation.database
        database = self.cluster.pool if own else home.login.database
        async with opened(replace(self.owner(home), database=database)) as owner:
            if own:
                await drop_database(owner, home.login.database, self.cluster.roles)
            else:
                await drop_schema(owner, home.schema)
        await self._control.fetch(REMOVE, home.id)

    async def purge(self, home: Home, tenant_id: UUID) -> int:
        """Delete every row of a tenant from a home, and say how many there were."""
        async with opened(self.owner(home)) as owner:
            return await purge_tenant(owner, home.schema, tenant_id)

    @asynccontextmanager
    async def _alone(self, name: str, *, beside: str = "") -> AsyncIterator[None]:
        """Hold a lock of the whole installation, and share that of ``beside``."""
        async with self._control.transaction() as guard:
            await guard.execute(
                "SET LOCAL lock_timeout = '60s';"
                "SET LOCAL idle_in_transaction_session_timeout = 0"
            )
            key = "hashtextextended($1, 0)"
            if beside:
                await guard.execute(
                    f"SELECT pg_advisory_xact_lock_shared({key})", beside
                )
            await guard.execute(f"SELECT pg_advisory_xact_lock({key})", name)
            yield
