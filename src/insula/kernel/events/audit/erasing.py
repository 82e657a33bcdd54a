"""Erasing: takes what tells of a person out of entries, and lets the chain say so."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.database.pool import Connection
from insula.kernel.database.session import Statement, Transaction
from insula.kernel.events.audit.models import LinkKind
from insula.kernel.events.audit.reading import ENTER
from insula.kernel.events.audit.sealing import BATCH, ChainKeeper, append, chain_end
from insula.kernel.foundation.clock import now

Content = dict[str, Any]
"""What an entry holds that may have to be forgotten: client, user_agent, changes."""
Redact = Callable[[Content], Content]

FIND = Statement(
    """SELECT id, client, user_agent, changes FROM home__.audit_log
 WHERE tenant_id = $1::text::uuid AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE"""
)
REPLACE = Statement(
    """UPDATE home__.audit_log
   SET client = $3::varchar, user_agent = $4::varchar, changes = $5::text::jsonb
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid"""
)
FORGET = Statement(
    """UPDATE home__.audit_chain c SET salts = ARRAY(
       SELECT CASE WHEN u.entry = ANY($2::uuid[]) THEN ''::bytea ELSE u.salt END
         FROM unnest(c.entries, c.salts) WITH ORDINALITY AS u(entry, salt, place)
        ORDER BY u.place)
 WHERE c.tenant_id = $1::text::uuid AND c.kind = 'entries'
   AND c.last_id >= $3::uuid AND c.entries && $2::uuid[]"""
)


async def redact_entries(
    owner: Connection,
    schema: str,
    tenant_id: UUID,
    entry_ids: Sequence[UUID],
    redact: Redact,
) -> int:
    """Replace what entries say by what ``redact`` leaves of it; how many it changed.

    ``redact`` gets ``client``, ``user_agent`` and ``changes`` and returns the same. The
    salts of what it changed are destroyed with it: nobody can find out any more, not
    even by trying, what was there. The chain keeps verifying, and names the entries as
    erased. The connection is the owner's; each batch is a transaction of its own, and
    doing it again does no harm.
    """
    ids, done = sorted(entry_ids), 0
    for start in range(0, len(ids), BATCH):
        async with owner.transaction():
            await owner.execute(ENTER, str(tenant_id))
            transaction = Transaction(owner, schema, str(tenant_id))
            await _seal_all(transaction, tenant_id)
            batch = ids[start : start + BATCH]
            done += await _redact(transaction, tenant_id, batch, redact)
    return done


async def _seal_all(transaction: Transaction, tenant_id: UUID) -> None:
    # Nothing leaves the log unseen: what is not sealed yet is sealed before it changes.
    seal = ChainKeeper(slack=None)
    while await seal(transaction, tenant_id):
        pass


async def _redact(
    transaction: Transaction, tenant_id: UUID, ids: Sequence[UUID], redact: Redact
) -> int:
    changed = []
    for row in await transaction.fetch(FIND, ids):
        entry_id, client, user_agent, changes = row
        old = {"client": client, "user_agent": user_agent, "changes": _read(changes)}
        new = redact({**old, "changes": _read(changes)})
        if new == old:
            continue
        text = msgspec.json.encode(new["changes"]).decode()
        args = (entry_id, new["client"], new["user_agent"], text)
        await transaction.fetch(REPLACE, *args)
        changed.append(entry_id)
    if changed:
        await transaction.fetch(FORGET, changed, changed[0])
        await _record(transaction, tenant_id, changed)
    return len(changed)


async def _record(
    transaction: Transaction, tenant_id: UUID, entries: Sequence[UUID]
) -> None:
    end = await chain_end(transaction)
    link = end.next(tenant_id, LinkKind.erasure, now())
    link = replace(link, entries=entries, last_id=entries[-1])
    await append(transaction, link, end.hash)


def _read(changes: msgspec.Raw) -> Any:
    return msgspec.json.decode(changes)
