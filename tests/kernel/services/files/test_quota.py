"""Room is taken with the row that needs it: never too much, never refused too early."""

import asyncio

import pytest

from insula.kernel.database.session import Session
from insula.kernel.services.files.quota import (
    StorageFull,
    give_back,
    read_usage,
    recount,
    reserve,
)

pytestmark = pytest.mark.anyio


async def take(session: Session, size: int, ceiling: int) -> bool:
    """Whether there was room."""
    try:
        async with session.transaction() as transaction:
            await reserve(transaction, size, ceiling)
    except StorageFull:
        return False
    return True


async def used(session: Session) -> int:
    """What the counter says."""
    async with session.transaction() as transaction:
        return (await read_usage(transaction, 0)).used


async def test_twenty_at_once_get_exactly_what_there_is(session: Session) -> None:
    """Promise 8: never over the limit, and never refused below it."""
    taken = await asyncio.gather(*(take(session, 10, 75) for _ in range(20)))
    assert sum(taken) == 7
    assert await used(session) == 70
    assert await take(session, 5, 75)
    assert not await take(session, 1, 75)
    assert await take(session, 0, 75)


async def test_room_that_was_given_back_can_be_taken_again(session: Session) -> None:
    assert await take(session, 100, 100)
    async with session.transaction() as transaction:
        await give_back(transaction, 40)
    assert not await take(session, 41, 100)
    assert await take(session, 40, 100)


async def test_what_is_rolled_back_takes_no_room(session: Session) -> None:
    async def broken() -> None:
        async with session.transaction() as transaction:
            await reserve(transaction, 50, 100)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await broken()
    assert await used(session) == 0


async def test_a_smaller_plan_refuses_more_and_takes_nothing_away(
    session: Session,
) -> None:
    """Promise 8: a downgrade below what is used is defined."""
    assert await take(session, 80, 100)
    assert not await take(session, 1, 50)
    assert await used(session) == 80


async def test_a_counter_that_is_wrong_is_put_right(session: Session) -> None:
    assert await take(session, 80, 100)
    await recount(session)
    assert await used(session) == 0
