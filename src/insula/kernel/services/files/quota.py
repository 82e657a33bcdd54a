"""Quotas: a tenant's counters, raised in the transaction of what they count (D11)."""

from dataclasses import dataclass

from insula.kernel.database.session import Session, Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import PaymentRequired
from insula.kernel.foundation.ids import uuid7

STORAGE = "storage_bytes"
"""The name of the counter, and of the limit in a plan."""

BEGIN = Statement(
    """INSERT INTO home__.usage_counters (tenant_id, id, created_at, name, used)
VALUES ($1::text::uuid, $2::uuid, $3::timestamptz, $4::varchar, 0)
ON CONFLICT (tenant_id, name) DO NOTHING"""
)
# One statement looks and takes: two that did so could both see the last free byte.
RESERVE = Statement(
    """UPDATE home__.usage_counters
   SET used = used + $3::bigint, ceiling = COALESCE($4::bigint, ceiling)
 WHERE tenant_id = $1::text::uuid AND name = $2::varchar
   AND ($4::bigint IS NULL OR used + $3::bigint <= $4::bigint) RETURNING used"""
)
GIVE_BACK = Statement(
    """UPDATE home__.usage_counters SET used = GREATEST(used - $3::bigint, 0)
 WHERE tenant_id = $1::text::uuid AND name = $2::varchar RETURNING used"""
)
READ = Statement(
    """SELECT used FROM home__.usage_counters
 WHERE tenant_id = $1::text::uuid AND name = $2::varchar"""
)
LOCK = Statement(f"{READ.text} FOR UPDATE")
# A statement after the lock: it sees whatever those who held the counter committed.
RECOUNT = Statement(
    """UPDATE home__.usage_counters SET used =
       (SELECT COALESCE(sum(size), 0) FROM home__.files WHERE tenant_id = $1::text::uuid)
 WHERE tenant_id = $1::text::uuid AND name = $2::varchar RETURNING used"""
)


class StorageFull(PaymentRequired):
    """The files would exceed the plan's {limit} bytes, {used} are used: {upgrade_url}."""

    code = "QUOTA_EXCEEDED"


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used, and what may be."""

    used: int
    ceiling: int

    def full(self) -> StorageFull:
        """The refusal of whatever does not fit any more."""
        return StorageFull(
            limit=self.ceiling, used=self.used, upgrade_url="/settings/subscription"
        )


async def read_usage(transaction: Transaction, ceiling: int) -> Usage:
    """What the files take now; by the time it is known it may have changed."""
    rows = await transaction.fetch(READ, STORAGE)
    return Usage(rows[0]["used"] if rows else 0, ceiling)


async def reserve(transaction: Transaction, size: int, ceiling: int | None) -> None:
    """Take room for a file in the transaction of its row; raises ``StorageFull``.

    Without a ceiling the room is counted and never refused.
    """
    if await transaction.fetch(RESERVE, STORAGE, size, ceiling):
        return
    await transaction.fetch(BEGIN, uuid7(), now(), STORAGE)  # the tenant's first file
    if await transaction.fetch(RESERVE, STORAGE, size, ceiling):
        return
    if ceiling is not None:
        raise (await read_usage(transaction, ceiling)).full()


async def give_back(transaction: Transaction, size: int) -> None:
    """Free the room of files in the transaction that removes their rows."""
    await transaction.fetch(GIVE_BACK, STORAGE, size)


async def recount(session: Session) -> None:
    """Have the counter say what the rows say; they cannot differ but by a hand's work."""
    async with session.transaction() as transaction:
        await transaction.fetch(LOCK, STORAGE)
        await transaction.fetch(RECOUNT, STORAGE)
