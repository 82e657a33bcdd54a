"""Archiving: a tenant's archive, made of one state of all rows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO
from uuid import UUID

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.home import Home
from insula.kernel.database.personal import Registry
from insula.kernel.database.session import Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.services.privacy.archive import Archive, Manifest
from insula.kernel.services.privacy.sealed_rows import Seals
from insula.kernel.services.privacy.vault import SubjectVault
from insula.kernel.storage.disks import Storage
from insula.kernel.tenancy.control import Control

ENTER = "SELECT set_config('insula.tenant', $1, true)"


@asynccontextmanager
async def one_state(home: Home, tenant_id: UUID) -> AsyncIterator[Transaction]:
    """A transaction of a tenant that only reads, and sees one state to its end.

    It has a connection of its own: reading everything takes as long as it takes.
    """
    async with (
        opened(home.login) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute("SET LOCAL statement_timeout = '10min'")
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await connection.execute(ENTER, str(tenant_id))
        yield Transaction(connection, home.schema, str(tenant_id))


class Archiving:
    """Makes the archives of tenants."""

    def __init__(
        self, registry: Registry, control: Control, sealer: Sealer, storage: Storage
    ) -> None:
        self._registry, self._control = registry, control
        self._sealer, self._storage = sealer, storage

    async def write(
        self, target: IO[bytes], home: Home, tenant_id: UUID, slug: str, *, sealed: bool
    ) -> Manifest:
        """Write all that a tenant has; what is personal sealed, if it shall be."""
        manifest = Manifest(tenant_id, slug, now(), sealed)
        vault = SubjectVault(self._control, self._sealer)
        seals = Seals(self._registry, tenant_id, vault) if sealed else None
        archive = Archive(self._registry, manifest, seals)
        async with one_state(home, tenant_id) as transaction:
            return await archive.write(
                target, transaction, self._storage.disk(tenant_id)
            )
