"""Installations: which apps a tenant may use."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from insula.kernel.database.pool import Connection
from insula.kernel.foundation.errors import Conflict, NotFound
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.models import InstallationStatus
from insula.kernel.tenancy.signals import TenantNotFound
from insula.kernel.tenancy.trail import announce


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationView:
    """An app of a tenant, as operators and the tenant see it."""

    app: str
    version: str
    status: InstallationStatus
    installed_at: datetime
    updated_at: datetime


class AppUnknown(NotFound):
    """There is no app “{app}”; available: {available}."""

    code = "APP_UNKNOWN"


class AppNotInstalled(NotFound):
    """The app “{app}” is not installed."""

    code = "APP_NOT_INSTALLED"


class AppAlwaysThere(Conflict):
    """Every tenant has the app “{app}”: it is neither installed nor removed."""

    code = "APP_ALWAYS_THERE"


COLUMNS = "app_name AS app, version, status, installed_at, updated_at"
TENANT = """
SELECT FROM control.tenants WHERE id = $1 AND state NOT IN ('deleting', 'deleted')
   FOR SHARE
"""
INSTALL = f"""
INSERT INTO control.app_installations (id, tenant_id, app_name, version, status)
VALUES ($1, $2, $3, $4, 'active')
ON CONFLICT (tenant_id, app_name) DO UPDATE
   SET version = EXCLUDED.version, status = 'active', updated_at = now()
RETURNING {COLUMNS}
"""  # noqa: S608  # our own names
SWITCH = f"""
UPDATE control.app_installations SET status = $3, updated_at = now()
 WHERE tenant_id = $1 AND app_name = $2 RETURNING {COLUMNS}
"""  # noqa: S608  # our own names
LIST = f"""
SELECT {COLUMNS} FROM control.app_installations WHERE tenant_id = $1 ORDER BY app_name
"""  # noqa: S608  # our own names


Installed = Callable[[UUID, str], Awaitable[None]]
"""Called before an installation commits; safe if it then does not, or again."""


class Installations:
    """Installs and removes apps; ``apps`` are those of this platform with versions.

    Apps of the ``base`` every tenant has, so that nobody installs or removes them.
    Every home has the tables of every app already, so that installing is one row, and
    uninstalling keeps the tenant's data for the day it comes back.
    """

    def __init__(
        self,
        control: Control,
        apps: Mapping[str, str],
        installed: Installed | None = None,
        base: Collection[str] = (),
    ) -> None:
        self._control, self._apps, self._installed = control, apps, installed
        self._base = frozenset(base)

    @property
    def available(self) -> Mapping[str, str]:
        """All apps that can be installed, with their versions."""
        return self._apps

    async def list(self, tenant_id: UUID) -> Sequence[InstallationView]:
        """The apps of a tenant, disabled ones too."""
        rows = await self._control.fetch(LIST, tenant_id)
        return [InstallationView(**dict(row)) for row in rows]

    async def install(
        self, tenant_id: UUID, app: str, *, by: UUID | None = None
    ) -> InstallationView:
        """Let a tenant use an app, in the present version; again is no error."""
        self._refuse_base(app)
        version = self._apps.get(app)
        if version is None:
            raise AppUnknown(app=app, available=", ".join(sorted(self._apps)) or "none")
        async with self._control.transaction() as connection:
            await _require(connection, tenant_id)
            rows = await connection.fetch(INSTALL, uuid7(), tenant_id, app, version)
            changes = {"app": app, "version": version}
            await announce(
                connection, tenant_id, "apps.install", by=by, changes=changes
            )
            if self._installed is not None:
                await self._installed(tenant_id, app)
        return InstallationView(**dict(rows[0]))

    async def uninstall(
        self, tenant_id: UUID, app: str, *, by: UUID | None = None
    ) -> InstallationView:
        """Take an app from a tenant; its rows stay."""
        return await self._switch(tenant_id, app, InstallationStatus.disabled, by)

    async def enable(
        self, tenant_id: UUID, app: str, *, by: UUID | None = None
    ) -> InstallationView:
        """Give a disabled app back."""
        return await self._switch(tenant_id, app, InstallationStatus.active, by)

    async def _switch(
        self, tenant_id: UUID, app: str, status: InstallationStatus, by: UUID | None
    ) -> InstallationView:
        self._refuse_base(app)
        async with self._control.transaction() as connection:
            await _require(connection, tenant_id)
            rows = await connection.fetch(SWITCH, tenant_id, app, status)
            if not rows:
                raise AppNotInstalled(app=app)
            changes, action = {"app": app}, f"apps.{status}"
            await announce(connection, tenant_id, action, by=by, changes=changes)
        return InstallationView(**dict(rows[0]))

    def _refuse_base(self, app: str) -> None:
        if app in self._base:
            raise AppAlwaysThere(app=app)


async def _require(connection: Connection, tenant_id: UUID) -> None:
    if not await connection.fetch(TENANT, tenant_id):
        raise TenantNotFound
