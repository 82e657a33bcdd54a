"""Partitions: the months of the audit log, those to come and those whose time is over.

A home begins with one partition, which takes every row. As soon as there are others
for the months to come, it holds the first month's rows alone.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import asyncpg

from insula.kernel.database.pool import Connection
from insula.kernel.database.session import Transaction
from insula.kernel.database.walls import REST, inner_wall
from insula.kernel.events.audit.chain import id_at
from insula.kernel.events.audit.models import LinkKind
from insula.kernel.events.audit.reading import ENTER, EXPIRY
from insula.kernel.events.audit.sealing import append, chain_end
from insula.kernel.foundation.clock import now as present

TABLE = "audit_log"
"""The log; other tables may be cut by the months of their ids as well."""
KEEP_MONTHS = 24
AHEAD = 3
"""Months that have a partition before they begin."""
PATIENCE = "500ms"
"""How long a step waits for a lock, with every writer of the home queueing behind it."""
BATCH = 5_000
MONTH = 12

PARTITIONS = """
SELECT c.relname AS name, substring(pg_get_expr(c.relpartbound, c.oid)
         FROM $$TO \\('([0-9a-f-]{36})'\\)$$)::uuid AS until
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = to_regclass($1) ORDER BY until
"""
LIMITS = f"SET LOCAL lock_timeout = '{PATIENCE}'"


@dataclass(frozen=True, slots=True)
class Rolled:
    """What a run did; ``waiting`` steps met a lock and are left to the next run."""

    made: Sequence[str]
    dropped: Sequence[str]
    deleted: int
    waiting: Sequence[str]


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of the table; ``until`` is the first id that is beyond it, if any is."""

    name: str
    until: UUID | None


async def roll_partitions(
    owner: Connection, schema: str, now: datetime, keep_months: int | None = KEEP_MONTHS
) -> Rolled:
    """Make the partitions of the coming months, and drop those that are too old.

    ``keep_months`` None keeps everything: some tenant of the home must not lose
    anything. The connection is the owner's. Each step is a short transaction of its
    own that gives up rather than hold up the writers; run it again whenever you like.
    """
    return await _rolled(_RollingLog(owner, schema, TABLE), now, keep_months)


async def roll_plain(
    owner: Connection, place: tuple[str, str], now: datetime, keep_months: int | None
) -> Rolled:
    """The same for the table of a schema that no chain tells of."""
    return await _rolled(_Rolling(owner, *place), now, keep_months)


async def _rolled(
    rolling: "_Rolling", now: datetime, keep_months: int | None
) -> Rolled:
    await rolling.make(now)
    if keep_months is not None:
        await rolling.expire(id_at(_month_after(now, -keep_months)))
    return Rolled(rolling.made, rolling.dropped, rolling.deleted, rolling.waiting)


def _month_after(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, MONTH)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.replace(year=moment.year + years, month=month + 1, day=1)


class _Rolling:
    """One run over one table of one home."""

    def __init__(self, owner: Connection, schema: str, table: str) -> None:
        self._owner, self._schema, self._table = owner, schema, table
        self.made: list[str] = []
        self.dropped: list[str] = []
        self.waiting: list[str] = []
        self.deleted = 0

    async def make(self, now: datetime) -> None:
        known = {it.name for it in await self._partitions()}
        for ahead in range(1, AHEAD + 1):
            begin, end = _month_after(now, ahead), _month_after(now, ahead + 1)
            name = f"{self._table}_{begin:%Y_%m}"
            if name not in known:
                await self._make(name, id_at(begin), id_at(end))

    async def _make(self, name: str, begin: UUID, end: UUID) -> None:
        whole, parent = f"{self._schema}.{name}", f"{self._schema}.{self._table}"
        # Attached, not made in place: that would shut the whole table for a moment.
        steps = (
            f"CREATE TABLE {whole} (LIKE {parent} INCLUDING DEFAULTS)",
            *inner_wall(whole),
            f"ALTER TABLE {parent} ATTACH PARTITION {whole}"
            f" FOR VALUES FROM ('{begin}') TO ('{end}')",
        )
        try:
            async with self._step():
                await self._owner.execute(";".join(steps))
        except (asyncpg.LockNotAvailableError, asyncpg.CheckViolationError):
            # Rows of that month that came too early stay where they are: harmless.
            self.waiting.append(name)
        else:
            self.made.append(name)

    async def expire(self, before: UUID) -> None:
        """Let go of what is older."""
        partitions = await self._partitions()
        old = [it for it in partitions if it.until is not None and it.until <= before]
        rest = f"{self._table}_{REST}"
        names = [*(it.name for it in old), rest]
        try:
            await self._announce(names, before)
            while await self._delete(f"{self._schema}.{rest}", before):
                pass
        except asyncpg.LockNotAvailableError:
            self.waiting += names
            return
        for partition in old:
            await self._drop(partition.name)

    async def _announce(self, names: Sequence[str], before: UUID) -> None:
        """Say beforehand what will be gone, where it has to be said."""

    async def _partitions(self) -> list[Partition]:
        rows = await self._owner.fetch(PARTITIONS, f"{self._schema}.{self._table}")
        return [Partition(*row) for row in rows]

    async def _drop(self, name: str) -> None:
        try:
            async with self._step():
                await self._owner.execute(f"DROP TABLE {self._schema}.{name}")
        except asyncpg.LockNotAvailableError:
            self.waiting.append(name)
        else:
            self.dropped.append(name)

    async def _delete(self, whole: str, before: UUID) -> bool:
        async with self._unwalled(whole):
            done = await self._owner.execute(
                f"DELETE FROM {whole} WHERE ctid = ANY(ARRAY("  # noqa: S608  # our names
                f"SELECT ctid FROM {whole} WHERE id < $1 LIMIT {BATCH}))",
                before,
            )
        deleted = int(done.removeprefix("DELETE "))
        self.deleted += deleted
        return deleted == BATCH

    @asynccontextmanager
    async def _step(self) -> AsyncIterator[None]:
        async with self._owner.transaction():
            await self._owner.execute(LIMITS)
            yield

    @asynccontextmanager
    async def _unwalled(self, whole: str) -> AsyncIterator[None]:
        """Let the owner see a partition's rows, of all tenants, for one transaction."""
        async with self._step():
            await self._owner.execute(
                f"ALTER TABLE {whole} NO FORCE ROW LEVEL SECURITY"
            )
            yield
            await self._owner.execute(f"ALTER TABLE {whole} FORCE ROW LEVEL SECURITY")


class _RollingLog(_Rolling):
    """The same of the audit log: what goes is told by every chain before it is gone."""

    async def _announce(self, names: Sequence[str], before: UUID) -> None:
        tenants = {it for name in names for it in await self._tenants(name, before)}
        await self._tell(sorted(tenants), before)

    async def _tenants(self, name: str, before: UUID) -> list[UUID]:
        whole = f"{self._schema}.{name}"
        async with self._unwalled(whole):
            rows = await self._owner.fetch(
                f"SELECT DISTINCT tenant_id FROM {whole} WHERE id < $1",  # noqa: S608  # our names
                before,
            )
        return [row["tenant_id"] for row in rows]

    async def _tell(self, tenants: Sequence[UUID], before: UUID) -> None:
        """Give each chain a link that says where its log will begin from now on."""
        for tenant_id in tenants:
            async with self._step():
                await self._owner.execute(ENTER, str(tenant_id))
                await _expire(
                    Transaction(self._owner, self._schema, str(tenant_id)),
                    tenant_id,
                    before,
                )


async def _expire(transaction: Transaction, tenant_id: UUID, before: UUID) -> None:
    end = await chain_end(transaction)
    told = await transaction.fetch(EXPIRY)
    if end.number == 0 or (told and told[0]["last_id"] >= before):
        return
    link = end.next(tenant_id, LinkKind.expiry, present())
    await append(transaction, replace(link, last_id=before), end.hash)
