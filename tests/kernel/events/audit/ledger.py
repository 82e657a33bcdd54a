"""A ledger: one tenant's log, written as the app writes and touched as nobody may."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.home import Isolation
from insula.kernel.database.pool import Connection
from insula.kernel.database.session import Session, Statement
from insula.kernel.events.audit.chain import Entry, Link, id_at
from insula.kernel.events.audit.reading import Source
from insula.kernel.events.audit.sealing import ChainKeeper
from insula.kernel.events.audit.verifying import Fault, Verification
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House

WRITE = Statement(
    """INSERT INTO home__.audit_log (tenant_id, id, created_at, action, resource,
       resource_id, actor_kind, actor_id, request_id, client, changes)
SELECT $1::text::uuid, i, $3, 'maintenance.assets.update', 'maintenance.asset', $4,
       'user', $4, 'req_test', '192.0.2.7', jsonb_build_object('name', i::text)
  FROM unnest($2::uuid[]) AS i"""
)


def old_id(moment: datetime) -> UUID:
    """An id as if it had been made at that moment."""
    return UUID(int=id_at(moment).int + (uuid7().int & (2**60 - 1)))


@dataclass(frozen=True)
class Ledger:
    """The log of a tenant, and a superuser who may do with it whatever he likes."""

    house: House
    tenant: Tenant
    superuser: Connection

    @property
    def session(self) -> Session:
        """The door of the app."""
        return self.house.platform.open_session(self.tenant.home, self.tenant.id)

    async def write(self, count: int, *, at: datetime | None = None) -> list[UUID]:
        """So many entries more; as old as ``at`` by their ids."""
        ids = [uuid7() if at is None else old_id(at) for _ in range(count)]
        async with self.session.transaction() as transaction:
            await transaction.fetch(WRITE, sorted(ids), at or now(), uuid7())
        return sorted(ids)

    async def seal(self, sealer: ChainKeeper | None = None) -> bool:
        """One turn of the sealer."""
        async with self.session.transaction() as transaction:
            return await (sealer or ChainKeeper())(transaction, self.tenant.id)

    async def seal_all(self) -> None:
        """As many as it takes."""
        while await self.seal():
            pass

    async def tamper(self, statement: str, *args: object) -> None:
        """Do something that nobody may; ``{}`` is the schema, ``$1`` the tenant."""
        text = statement.format(self.tenant.home.schema)
        await self.superuser.execute(text, self.tenant.id, *args)

    async def items(self) -> Sequence[Entry | Link]:
        """The whole log and its chain, as the operator's reader sees them."""
        return (await self.read())[0]

    async def read(self) -> tuple[Sequence[Entry | Link], UUID]:
        """The same, and where the chain says that it begins."""
        platform = self.house.platform
        home, roles = self.tenant.home, platform.cluster.roles
        login = platform.cluster.login(home.login.database, roles.reader)
        if home.isolation is Isolation.database:
            login = home.login
        async with (
            opened(login) as reader,
            reader.transaction(isolation="repeatable_read", readonly=True),
        ):
            source = Source(reader, home.schema, self.tenant.id)
            await source.enter()
            return [it async for it in source.items()], await source.expired_before()

    async def verification(
        self, heads: Mapping[int, bytes] | None = None
    ) -> tuple[Verification, list[Fault]]:
        """What a verifier finds, and what it counts."""
        items, expired = await self.read()
        found = Verification(heads or {}, expired)
        faults = [fault for item in items for fault in found.take(item)]
        return found, [*faults, *found.finish()]

    async def faults(self, heads: Mapping[int, bytes] | None = None) -> list[str]:
        """What a verifier finds, in its words."""
        return [str(fault) for fault in (await self.verification(heads))[1]]

    async def links(self) -> list[Link]:
        """The chain."""
        return [it for it in await self.items() if isinstance(it, Link)]

    async def entries(self) -> list[Entry]:
        """The log."""
        return [it for it in await self.items() if isinstance(it, Entry)]
