"""A joint session is a session to whoever uses it, and one transaction to the database."""

import asyncio
import secrets

import asyncpg
import pytest

from insula.kernel.database.session import CONTEXT, Session, Statement
from tests.house import House

pytestmark = pytest.mark.anyio

ADD = Statement(
    f"WITH {CONTEXT} INSERT INTO home__.idempotency_keys"
    " (tenant_id, id, created_at, scope, answer)"
    " SELECT ctx.tenant_id, gen_random_uuid(), now(), $2::varchar, '' FROM ctx"
)
COUNT = Statement(
    f"WITH {CONTEXT} SELECT k.n FROM ctx CROSS JOIN LATERAL (SELECT count(*) AS n"
    " FROM home__.idempotency_keys k WHERE k.tenant_id = ctx.tenant_id"
    " AND starts_with(k.scope, $2::text)) k"
)


class Drawer:
    """Rows that begin with a name of their own."""

    def __init__(self, outside: Session) -> None:
        self.outside, self.name = outside, secrets.token_hex(4)

    async def add(self, session: Session, which: str) -> None:
        """Put a row in, in a transaction of its own."""
        await session.fetch(ADD, f"{self.name}-{which}")

    async def count(self, session: Session | None = None) -> int:
        """How many rows are in it, as a session sees it."""
        rows = await (session or self.outside).fetch(COUNT, self.name)
        return int(rows[0]["n"])


@pytest.fixture
async def drawer(house: House) -> Drawer:
    tenant = await house.tenant()
    return Drawer(house.platform.open_session(tenant.home, tenant.id))


async def test_all_of_it_is_there_at_the_end_and_nothing_before(drawer: Drawer) -> None:
    async with drawer.outside.joint() as joint:
        await drawer.add(joint, "a")
        async with joint.transaction() as transaction:
            await transaction.fetch(ADD, f"{drawer.name}-b")
        assert await drawer.count(joint) == 2
        assert await drawer.count() == 0
    assert await drawer.count() == 2


async def test_a_part_that_is_refused_is_undone_alone(drawer: Drawer) -> None:
    async with drawer.outside.joint() as joint:
        await drawer.add(joint, "a")
        with pytest.raises(asyncpg.UniqueViolationError):
            await drawer.add(joint, "a")
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  # it fails at its end
            async with joint.transaction() as transaction:
                await transaction.fetch(ADD, f"{drawer.name}-b")
                raise ZeroDivisionError
        await drawer.add(joint, "c")
    assert await drawer.count() == 2


async def test_a_part_within_a_part_is_undone_alone_or_with_it(drawer: Drawer) -> None:
    async with drawer.outside.joint() as joint:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  # it fails at its end
            async with joint.transaction():
                await drawer.add(joint, "a")
                with pytest.raises(asyncpg.UniqueViolationError):
                    await drawer.add(joint, "a")
                assert await drawer.count(joint) == 1
                raise ZeroDivisionError
        await drawer.add(joint, "b")
    assert await drawer.count() == 1


async def test_what_fails_as_a_whole_leaves_nothing(drawer: Drawer) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  # it fails at its end
        async with drawer.outside.joint() as joint:
            await drawer.add(joint, "a")
            raise ZeroDivisionError
    assert await drawer.count() == 0


async def test_parts_of_several_tasks_take_turns(drawer: Drawer) -> None:
    async def part(joint: Session, which: int) -> None:
        async with joint.transaction() as transaction:
            await transaction.fetch(ADD, f"{drawer.name}-{which}")
            await asyncio.sleep(0)
            if which % 2:
                raise ZeroDivisionError

    async with drawer.outside.joint() as joint:
        parts = (part(joint, it) for it in range(10))
        done = await asyncio.gather(*parts, return_exceptions=True)
        assert sum(isinstance(it, ZeroDivisionError) for it in done) == 5
    assert await drawer.count() == 5


async def test_a_part_that_is_cancelled_is_undone_alone(drawer: Drawer) -> None:
    async with drawer.outside.joint() as joint:
        with pytest.raises(TimeoutError):  # noqa: PT012  # as above
            async with asyncio.timeout(0.05), joint.transaction() as transaction:
                await transaction.fetch(ADD, f"{drawer.name}-a")
                await transaction.fetch(Statement("SELECT $1::text, pg_sleep(30)"))
        await drawer.add(joint, "b")
    assert await drawer.count() == 1


async def test_notices_wait_for_the_commit(house: House, drawer: Drawer) -> None:
    """Others would look for what is not there yet, and keep what they find."""
    bus, heard = house.platform.bus, list[str | None]()
    topic = f"test:{drawer.name}"
    bus.subscribe(heard.append)
    async with drawer.outside.joint() as joint:
        await drawer.add(joint, "a")
        bus.announce(topic)
        assert topic not in heard
    assert topic in heard


async def test_without_a_whole_around_a_notice_is_given_at_once(house: House) -> None:
    heard, topic = list[str | None](), f"test:{secrets.token_hex(4)}"
    house.platform.bus.subscribe(heard.append)
    house.platform.bus.announce(topic)
    assert topic in heard
