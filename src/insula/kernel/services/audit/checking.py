"""Checking: verifies tenants' logs, writes them to files, and keeps their heads."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

import asyncpg
import msgspec
import structlog

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.home import Home, Isolation, Login
from insula.kernel.database.session import Statement
from insula.kernel.events.audit.exporting import Heading, Line, item_line, line
from insula.kernel.events.audit.reading import ENTER, Source
from insula.kernel.events.audit.verifying import Counts, Fault, Verification
from insula.kernel.foundation.errors import Problem
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes

logger: structlog.stdlib.BoundLogger = structlog.get_logger()
STRIDE = 1_000
"""Entries and links between two words about the progress."""

TENANTS = (
    "SELECT id, home_id FROM control.tenants WHERE home_id IS NOT NULL ORDER BY slug"
)
HOME_OF = (
    "SELECT id, home_id FROM control.tenants WHERE home_id IS NOT NULL AND id = $1"
)
HEADS = "SELECT number, hash FROM control.audit_heads WHERE tenant_id = $1"
KEEP = """
INSERT INTO control.audit_heads (id, tenant_id, number, hash)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bytea[])
    ON CONFLICT (tenant_id, number) DO NOTHING
"""
LAST = Statement(
    """SELECT l.tenant_id, l.number, l.hash FROM unnest($1::uuid[]) AS t(id)
 CROSS JOIN LATERAL (
    SELECT tenant_id, number, hash FROM home__.audit_chain c
     WHERE c.tenant_id = t.id ORDER BY c.number DESC LIMIT 1) l"""
)

Progress = Callable[[int], None]
"""Hears how many entries and links have been gone through."""


class Writable(Protocol):
    """Where an export goes."""

    def write(self, data: bytes, /) -> object:
        """Take some bytes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verification of one tenant's log has found."""

    tenant_id: UUID
    counts: Counts
    faults: Sequence[Fault]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a tenant's chain: the last link's number, and its hash."""

    tenant_id: UUID
    number: int
    hash: str


def _quiet(_: int) -> None:
    """Hear nothing."""


class AuditCheck:
    """Reads logs as the operator's reader, who can change nothing."""

    def __init__(self, control: Control, homes: Homes) -> None:
        self._control, self._homes = control, homes

    async def tenants(self) -> Sequence[UUID]:
        """Every tenant that has a home."""
        return [row["id"] for row in await self._control.fetch(TENANTS)]

    async def verify(self, tenant_id: UUID, progress: Progress = _quiet) -> Outcome:
        """Go through a tenant's whole log; faults are told as they are, never raised."""
        heads = await self._heads(tenant_id)
        faults: list[Fault] = []
        async with self._source(tenant_id) as source:
            verification = Verification(heads, await source.expired_before())
            seen = 0
            async for item in source.items():
                faults += verification.take(item)
                seen += 1
                if seen % STRIDE == 0:
                    progress(seen)
        faults += verification.finish()
        return Outcome(tenant_id, verification.counts, faults)

    async def export(
        self, tenant_id: UUID, file: Writable, progress: Progress = _quiet
    ) -> int:
        """Write a tenant's log, its chain and its kept heads; how many lines."""
        heads = await self._heads(tenant_id)
        async with self._source(tenant_id) as source:
            heading = Heading(
                tenant_id=tenant_id,
                expired_before=await source.expired_before(),
                heads=heads,
            )
            file.write(line(Line(heading=heading)))
            lines = 1
            async for item in source.items():
                file.write(item_line(item))
                lines += 1
                if lines % STRIDE == 0:
                    progress(lines)
        file.write(line(Line(lines=lines)))
        return lines

    async def keep_heads(self) -> Sequence[Head]:
        """Keep the end of every tenant's chain outside its home (daily), and tell them.

        Whoever rewrites a chain in its home would have to change them as well.
        """
        at_home: dict[UUID, list[UUID]] = {}
        for row in await self._control.fetch(TENANTS):
            at_home.setdefault(row["home_id"], []).append(row["id"])
        kept: list[Head] = []
        for home_id, tenants in at_home.items():
            home = await self._homes.load(home_id)
            try:
                kept += await self._keep(home, tenants)
            except (Problem, asyncpg.PostgresError) as error:
                # The others' heads are kept all the same; tomorrow it is tried again.
                logger.warning("audit.heads_failed", home=home.schema, error=str(error))
        return kept

    async def log_heads(self) -> None:
        """Keep the heads, and write them to the process's log as well."""
        for head in await self.keep_heads():
            logger.info("audit.head", **msgspec.to_builtins(head))

    async def _keep(self, home: Home, tenants: Sequence[UUID]) -> Sequence[Head]:
        async with opened(reader_of(self._homes, home)) as reader, reader.transaction():
            # In a home of its own there is one tenant, and its role sees no other.
            await reader.execute(ENTER, str(tenants[0]))
            rows = await reader.fetch(LAST.at(home.schema), tenants)
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        await self._control.fetch(KEEP, [uuid7() for _ in rows], *map(list, columns))
        return [
            Head(row["tenant_id"], row["number"], row["hash"].hex()) for row in rows
        ]

    async def _heads(self, tenant_id: UUID) -> Mapping[int, bytes]:
        rows = await self._control.fetch(HEADS, tenant_id)
        return {row["number"]: row["hash"] for row in rows}

    @asynccontextmanager
    async def _source(self, tenant_id: UUID) -> AsyncIterator[Source]:
        ((_, home_id),) = await self._control.fetch(HOME_OF, tenant_id)
        home = await self._homes.load(home_id)
        async with (
            opened(reader_of(self._homes, home)) as reader,
            reader.transaction(isolation="repeatable_read", readonly=True),
        ):
            # It takes as long as it takes: nothing waits for a reader.
            await reader.execute("SET LOCAL statement_timeout = 0")
            await reader.execute(
                "SET LOCAL idle_in_transaction_session_timeout = '10min'"
            )
            source = Source(reader, home.schema, tenant_id)
            await source.enter()
            yield source


def reader_of(homes: Homes, home: Home) -> Login:
    """The reader; a database home, where it may not go, is read by its own role."""
    if home.isolation is Isolation.database:
        return home.login
    name = homes.cluster.roles.reader
    return replace(home.login, user=name, password=homes.cluster.password(name))
