"""Every entry comes into exactly one link, however late its transaction commits."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest

from insula.kernel.events.audit.models import LinkKind
from insula.kernel.events.audit.sealing import ChainKeeper, seal_audit
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from tests.kernel.events.audit.ledger import WRITE, Ledger

pytestmark = pytest.mark.anyio
WRITERS, WRITES = 8, 12
PROMPT = ChainKeeper(slack=timedelta(milliseconds=50))
"""Enough where ids are made on one clock and inside their transactions, as here; the
usual slack would hide that it is the oldest transaction which is waited for."""


async def sealed(ledger: Ledger) -> Counter[UUID]:
    """How often each entry is in the chain."""
    links = await ledger.links()
    return Counter(
        entry for it in links if it.kind is LinkKind.entries for entry in it.entries
    )


async def slow_write(ledger: Ledger, pause: float) -> UUID:
    """Write an entry, and commit it after a while."""
    async with ledger.session.transaction() as transaction:
        entry = uuid7()
        await transaction.fetch(WRITE, [entry], now(), uuid7())
        await asyncio.sleep(pause)
    return entry


async def test_writers_that_commit_out_of_order_are_all_chained_once(
    ledger: Ledger,
) -> None:
    """Promise 13: none is missed, none is there twice."""
    chance, done = random.Random(13), asyncio.Event()  # noqa: S311  # no secret

    async def write() -> list[UUID]:
        pauses = [chance.random() ** 3 * 0.3 for _ in range(WRITES)]
        return [await slow_write(ledger, pause) for pause in pauses]

    async def seal() -> None:
        while not done.is_set():
            await ledger.seal(PROMPT)
            await asyncio.sleep(0.005)

    sealing = asyncio.create_task(seal())
    written = await asyncio.gather(*(write() for _ in range(WRITERS)))
    done.set()
    await sealing
    await ledger.seal(PROMPT)
    every = Counter(it.id for it in await ledger.entries())
    assert await sealed(ledger) == every
    assert set(every) >= {it for one in written for it in one}
    assert len(await ledger.links()) > WRITERS
    assert await ledger.faults() == []


async def test_a_younger_entry_that_was_sealed_first_is_no_obstacle(
    ledger: Ledger,
) -> None:
    sealer = ChainKeeper(slack=timedelta(0))
    late = asyncio.create_task(slow_write(ledger, 0.5))
    await asyncio.sleep(0.1)
    for _ in range(3):
        await ledger.write(1)
        await ledger.seal(sealer)
    entry = await late
    assert entry not in await sealed(ledger)
    await ledger.seal(sealer)
    assert (await sealed(ledger))[entry] == 1
    assert await ledger.faults() == []


async def test_without_anything_new_there_is_no_new_link(ledger: Ledger) -> None:
    await ledger.write(1)
    await ledger.seal_all()
    before = len(await ledger.links())
    assert await ledger.seal() is False
    assert len(await ledger.links()) == before


async def test_what_was_written_before_there_was_a_chain_is_sealed_in_batches(
    ledger: Ledger,
) -> None:
    written = await ledger.write(1_100, at=now() - timedelta(days=90))
    assert [await ledger.seal() for _ in range(3)] == [True, True, False]
    assert set(await sealed(ledger)) >= set(written)
    assert await ledger.faults() == []


async def test_a_turn_that_fails_leaves_no_link(ledger: Ledger) -> None:
    """The link commits with the turn of the relay, or not at all."""
    written = await ledger.write(2)
    with pytest.raises(RuntimeError):  # noqa: PT012  # the block is the transaction
        async with ledger.session.transaction() as transaction:
            await seal_audit(transaction, ledger.tenant.id)
            raise RuntimeError
    assert await ledger.links() == []
    await ledger.seal()
    assert set(await sealed(ledger)) >= set(written)


async def test_two_sealers_at_once_make_one_chain(ledger: Ledger) -> None:
    for _ in range(5):
        await ledger.write(3)
        await asyncio.gather(*(ledger.seal(PROMPT) for _ in range(3)))
    assert max((await sealed(ledger)).values()) == 1
    assert await ledger.faults() == []
