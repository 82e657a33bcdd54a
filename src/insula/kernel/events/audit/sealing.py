"""Sealing: what was written to the audit log since the last link goes into the next."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from insula.kernel.database.session import Statement, Transaction
from insula.kernel.events.audit.chain import (
    BEGINNING,
    NOWHERE,
    SALT,
    Entry,
    Link,
    commitment,
    digest,
    id_at,
    link_hash,
)
from insula.kernel.events.audit.models import LinkKind
from insula.kernel.events.audit.reading import ENTRY, entry_of
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.ids import uuid7

BATCH = 500
"""Entries of one link."""
SLACK = timedelta(seconds=30)
"""By how much an id may be older than the transaction that wrote it: it is made before
that, on another clock, and then it may wait for a connection."""

LOCK = Statement(
    "SELECT pg_advisory_xact_lock(hashtextextended('audit:' || $1::text, 0))"
)
# The oldest transaction is looked up in a statement before that which looks for entries:
# whoever is missing here has either committed, and is seen there, or begins later.
LAST = Statement(
    """SELECT l.number, l.hash, l.floor, a.oldest FROM (
    SELECT min(xact_start) AS oldest FROM pg_stat_activity
     WHERE datname = current_database()) a
  LEFT JOIN LATERAL (
    SELECT number, hash, floor FROM home__.audit_chain
     WHERE tenant_id = $1::text::uuid ORDER BY number DESC LIMIT 1) l ON true"""
)
# NOT IN looks into a hash table, whatever the statistics say: NOT EXISTS had PostgreSQL
# compare each entry with each sealed one, seconds for the ten thousand of a bulk run.
UNSEALED = Statement(
    f"""WITH sealed AS MATERIALIZED (
    SELECT unnest(entries) AS id FROM home__.audit_chain
     WHERE tenant_id = $1::text::uuid AND last_id >= $2::uuid AND kind = 'entries')
SELECT {ENTRY} FROM home__.audit_log a
 WHERE a.tenant_id = $1::text::uuid AND a.id >= $2::uuid
   AND a.id NOT IN (SELECT s.id FROM sealed s)
 ORDER BY a.id LIMIT {BATCH}"""  # noqa: S608  # our names
)
APPEND = Statement(
    """INSERT INTO home__.audit_chain (tenant_id, id, number, kind, created_at, last_id,
       floor, entries, salts, commitments, digests, hash)
VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"""
)


@dataclass(frozen=True, slots=True)
class End:
    """Where a chain ends at this moment, and since when somebody may be writing."""

    number: int
    hash: bytes
    floor: UUID
    oldest: datetime

    def next(self, tenant_id: UUID, kind: LinkKind, at: datetime) -> Link:
        """The link that comes next, as yet empty."""
        return Link(
            tenant_id=tenant_id,
            number=self.number + 1,
            kind=kind,
            created_at=at,
            last_id=NOWHERE,
            floor=self.floor,
            entries=(),
            salts=(),
            commitments=(),
            digests=(),
            hash=b"",
        )


async def chain_end(transaction: Transaction) -> End:
    """The end of the tenant's chain, held for this transaction alone."""
    await transaction.fetch(LOCK)
    (row,) = await transaction.fetch(LAST)
    if row["number"] is None:
        return End(0, BEGINNING, NOWHERE, row["oldest"])
    return End(row["number"], row["hash"], row["floor"], row["oldest"])


async def append(transaction: Transaction, link: Link, before: bytes) -> None:
    """Write a link; its hash is worked out here."""
    await transaction.fetch(
        APPEND,
        uuid7(),
        link.number,
        link.kind.value,
        link.created_at,
        link.last_id,
        link.floor,
        list(link.entries),
        list(link.salts),
        list(link.commitments),
        list(link.digests),
        link_hash(link, before),
    )


@dataclass(frozen=True, slots=True)
class ChainKeeper:
    """Makes the next link of a chain.

    An entry may become visible after younger ones, when its transaction lasted longer.
    So the next look begins where the oldest transaction of the database began, less
    ``slack``. Only a role like the writers' sees when they began; for any other
    ``slack`` is None, and the next look begins where this one did.
    """

    slack: timedelta | None = SLACK
    clock: Clock = now

    async def __call__(self, transaction: Transaction, tenant_id: UUID) -> bool:
        """Seal up to a batch of entries; whether there may be more."""
        end = await chain_end(transaction)
        rows = await transaction.fetch(UNSEALED, end.floor)
        if not rows:
            return False
        full = len(rows) == BATCH
        entries = [entry_of(row) for row in rows]
        link = _filled(end.next(tenant_id, LinkKind.entries, self.clock()), entries)
        floor = self._floor(end, link.last_id if full else None)
        await append(transaction, replace(link, floor=floor), end.hash)
        return full

    def _floor(self, end: End, last: UUID | None) -> UUID:
        if self.slack is None:
            return end.floor
        floor = id_at(end.oldest - self.slack)
        return max(end.floor, floor if last is None else min(floor, last))


seal_audit = ChainKeeper()
"""The attendant of the relay that keeps the chain."""


def _filled(link: Link, entries: Sequence[Entry]) -> Link:
    salts = [os.urandom(SALT) for _ in entries]
    pairs = zip(salts, entries, strict=True)
    commitments = [commitment(salt, entry) for salt, entry in pairs]
    facts = zip(entries, commitments, strict=True)
    return replace(
        link,
        last_id=entries[-1].id,
        entries=[entry.id for entry in entries],
        salts=salts,
        commitments=commitments,
        digests=[digest(entry, committed) for entry, committed in facts],
    )
