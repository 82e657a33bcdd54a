"""Sequences: numbers that people read, one after the other, for each tenant its own.

A gapless one is a row that is counted up in the transaction that uses the number: the
next user waits for that transaction's end, and a number that was not used is given
again. A fast one is counted up by blocks in transactions of their own, so nobody waits;
numbers that a process did not use are lost, and none is ever given twice.
"""

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from uuid import UUID

from insula.kernel.database.session import (
    CONTEXT,
    HOME,
    Session,
    Statement,
    Transaction,
)
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
BLOCK = 50
"""Numbers of a fast sequence that one process takes at a time."""
MOST_TENANTS = 1024
"""Tenants for which a process keeps an open block."""


def counted(parameters: tuple[str, ...], tenant: str) -> str:
    """An INSERT that counts up by so many and returns the last number.

    ``parameters`` are SQL for an id, the time, the name and the first number of the
    sequence, and how many are wanted.
    """
    key, at, name, first, wanted = parameters
    return (
        f"INSERT INTO {HOME}.counters AS n (tenant_id, id, created_at, name, value)"
        f" {tenant.format(f'{key}, {at}, {name}, {first} + {wanted} - 1')}"
        " ON CONFLICT (tenant_id, name)"
        f" DO UPDATE SET value = n.value + {wanted} RETURNING n.value"
    )


_PARAMETERS = ("$2::uuid", "$3::timestamptz", "$4::varchar", "$5::bigint", "$6::bigint")
COUNT = Statement(counted(_PARAMETERS, "VALUES ($1::text::uuid, {})"))
"""Within a transaction: answers the last of the numbers."""
COUNT_ALONE = Statement(
    f"WITH {CONTEXT}, counted AS"  # noqa: S608  # our names
    f" ({counted(_PARAMETERS, 'SELECT ctx.tenant_id, {} FROM ctx')})"
    " SELECT value FROM counted"
)
"""The same as a transaction of its own."""


@dataclass(slots=True)
class _Block:
    """Numbers that are this process's to give."""

    following: int = 1
    last: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sequence:
    """A tenant's numbers of one kind, from ``start`` on.

    ``gapless`` is for what the law wants numbered without a hole; whoever takes a
    number holds up the next until the transaction ends.
    """

    def __init__(self, name: str, *, gapless: bool = False, start: int = 1) -> None:
        if not NAME.fullmatch(name) or len(name) > 100:
            raise ValueError(f"{name!r} does not name a sequence, as 'crm.deals' does")
        self.name, self.gapless, self.start = name, gapless, start
        self._blocks: OrderedDict[UUID, _Block] = OrderedDict()

    async def next(self, transaction: Transaction, session: Session) -> int:
        """The next number, for what is written in this transaction."""
        if not self.gapless:
            return await self.next_fast(session)
        rows = await transaction.fetch(COUNT, *self._args(1))
        return int(rows[0]["value"])

    async def next_fast(self, session: Session) -> int:
        """The next number, which is gone even when what it is for fails."""
        block = self._block(session.tenant_id)
        async with block.lock:
            if block.following > block.last:
                # Even within a joint session, this commits by itself.
                args = self._args(BLOCK)
                rows = await Session.fetch(session, COUNT_ALONE, *args)
                block.last = int(rows[0]["value"])
                block.following = block.last - BLOCK + 1
            number = block.following
            block.following += 1
        return number

    def _block(self, tenant_id: UUID) -> _Block:
        found = self._blocks.get(tenant_id)
        if found is None:
            found = self._blocks[tenant_id] = _Block()
            if len(self._blocks) > MOST_TENANTS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(tenant_id)
        return found

    def _args(self, wanted: int) -> tuple[object, ...]:
        return uuid7(), now(), self.name, self.start, wanted
