"""The throttle: guessing takes for ever, and locks nobody out of their account."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from insula.kernel.access.context import Context
from insula.kernel.database.pool import Pools
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.guesses import Guesses
from insula.kernel.identity.throttle import (
    OperatorBook,
    Rules,
    SignInThrottled,
    TenantBook,
    Throttle,
    step_of,
    whole_seconds,
)
from insula.kernel.identity.throttle_rows import PRUNE, taking
from insula.kernel.tenancy.tenant import Tenant
from tests.kernel.identity.door import ADA, ANY, Door, lived
from tests.kernel.identity.house import KEY, VISITOR, House

pytestmark = pytest.mark.anyio

HOME, OFFICE = "203.0.113.7", "2001:db8:1:2::7"
MINUTE = timedelta(minutes=1)
ADD_CONTACT = (
    "INSERT INTO home__.contacts (tenant_id, id, version, created_at, updated_at,"
    " name, email, role) VALUES ($1::uuid, $2, 1, $3, $3, 'Ada', $4, 'customer')"
)
ADD_CONTACT_SESSION = (
    "INSERT INTO home__.contact_sessions (tenant_id, id, created_at, contact_id,"
    " refresh_hash, generation, expires_at, client)"
    " VALUES ($1::uuid, gen_random_uuid(), $3, $2, 'x', 0, $3, $4)"
)
ROWS = "SELECT * FROM home__.sign_in_throttles WHERE tenant_id = $1::uuid"


@pytest.fixture
def door(house: House, acme: Tenant) -> Door:
    """The door of a tenant."""
    return Door(house, acme)


async def test_after_ten_failures_the_delay_grows_to_a_quarter_of_an_hour(
    door: Door,
) -> None:
    """S4-13, promise 7: 1, 2, 4, 8 and then always 15 minutes."""
    assert await door.waits(11) == [0] * 10 + [60]
    delays = []
    for _ in range(6):
        wait = await door.knock()
        delays.append(wait / 60)
        door.at += timedelta(seconds=wait - 1)
        assert await door.knock() == 1
        door.at += timedelta(seconds=1)
        assert await door.knock() == 0
    assert delays == [1, 2, 4, 8, 15, 15]


async def test_failures_are_forgotten_after_a_quiet_quarter_of_an_hour(
    door: Door,
) -> None:
    """S4-13, promise 7: it is never permanent."""
    await door.waits(10)
    assert await door.knock() == 60
    door.at += 17 * MINUTE
    assert await door.waits(11) == [0] * 10 + [60]


async def test_the_right_password_forgives_what_went_before(door: Door) -> None:
    """Promise 7: nine slips of the pen, again and again."""
    for _ in range(3):
        assert await door.waits(9) == [0] * 9
        await door.sign_in()


async def test_a_thousand_guesses_never_stop_who_was_here_before(door: Door) -> None:
    """Promise 7: not at all where she signed in before, nor on a device of hers."""
    user = await lived(door, HOME, OFFICE)
    device = door.throttle.introduce(door.context(), user)
    longest = 0.0
    for at in range(1000):
        door.at += timedelta(seconds=3)
        longest = max(longest, await door.knock(client=f"192.0.2.{at % 250}"))
        if at % 100 == 50:
            assert await door.knock(client=HOME) == 0
            await door.sign_in(client=HOME)
            await door.sign_in(client="2001:db8:1:2:ffff::1")
            await door.sign_in(device=device)
    assert 14 * 60 < longest <= 15 * 60
    assert await door.knock(client="2001:db8:1:3::1") > 0
    door.at += timedelta(seconds=await door.knock())
    await door.sign_in()  # from anywhere, once the stated delay is over


async def test_guesses_on_a_known_device_count_for_it_alone(door: Door) -> None:
    """Promise 7: a stolen laptop guesses no more than others, and stops nobody."""
    user = await lived(door, HOME)
    device = door.throttle.introduce(door.context(), user)
    assert await door.waits(11, device=device) == [0] * 10 + [60]
    assert await door.waits(11, client=HOME) == [0] * 10 + [60]
    assert await door.knock() == 0


async def test_nobody_makes_themselves_known(door: Door, globex: Tenant) -> None:
    """Promise 7: not by a made-up device, another's, or another tenant's."""
    user = await lived(door)
    bob = await door.house.user(door.tenant, "bob@acme.test")
    elsewhere = Door(door.house, globex)
    hers = door.throttle.introduce(door.context(), user)
    his = door.throttle.introduce(door.context(), bob)
    foreign = elsewhere.throttle.introduce(elsewhere.context(), user)
    assert hers is not None
    await door.waits(10)
    flipped = hers[:-2] + ("A" if hers[-2] != "A" else "B") + hers[-1]
    for device in (his, foreign, flipped, "insd_x", "", "\x00ü", hers * 9):
        assert await door.knock(device=device) > 0, device
    assert await door.knock(device=hers) == 0
    assert door.throttle.introduce(door.context(hers), user) is None
    assert door.throttle.introduce(door.context(his), user) is not None


async def test_an_old_network_is_forgotten(door: Door) -> None:
    """Promise 7: addresses go from hand to hand."""
    await lived(door, HOME, ago=181)
    await door.waits(10)
    assert await door.knock(client=HOME) > 0


async def test_nobody_learns_which_accounts_there_are(door: Door) -> None:
    """S4-13, promise 7: an unknown one is counted, and waits, as a known one does."""
    await lived(door)
    known = await door.waits(25)
    assert await door.waits(25, email="nobody@acme.test") == known


async def test_attempts_at_the_same_moment_are_no_more_than_ten(door: Door) -> None:
    """S4-13: forty processes of an attacker meet several of ours."""
    waits = await asyncio.gather(*(door.knock() for _ in range(40)))
    assert sorted(waits) == [0] * 10 + [60] * 30


async def test_an_account_has_few_attempts_a_minute(house: House, acme: Tenant) -> None:
    """R14: five, and then one in twelve seconds, right or wrong."""
    door = Door(house, acme, Rules(account=5, strangers=0))
    for _ in range(5):
        await door.sign_in()
    assert await door.knock() == 12
    door.at += timedelta(seconds=12)
    assert await door.waits(2) == [0, 12]
    assert await door.knock(email="bob@acme.test") == 0


async def test_strangers_try_few_accounts_of_a_tenant(
    house: House, acme: Tenant, globex: Tenant
) -> None:
    """Promise 7: one password for all accounts is guessing too; who is known goes on."""
    door = Door(house, acme, Rules(account=0, strangers=20))
    await lived(door, HOME)
    tried = [await door.knock(email=f"{at}@acme.test") for at in range(60)]
    assert [bool(it) for it in tried] == [False] * 20 + [True] * 40
    assert len(await house.rows(acme, ROWS)) == 21  # refused ones leave nothing behind
    assert await door.knock(client=HOME) == 0
    assert await Door(house, globex, door.rules).knock() == 0
    door.at += timedelta(seconds=3)
    assert await door.waits(2, email="x@acme.test") == [0, 3]


async def test_tenants_and_accounts_are_counted_apart(
    door: Door, globex: Tenant
) -> None:
    """S4-13: per tenant and user."""
    await door.waits(10)
    assert await door.knock() > 0
    assert await door.knock(email="bob@acme.test") == 0
    assert await Door(door.house, globex).knock() == 0


async def test_counting_holds_whatever_plan_postgresql_chooses(
    house: House, acme: Tenant
) -> None:
    """On one connection: after five rounds the plan is a generic one."""
    single = House(house.cluster, Pools(budget=1), house.hashed)
    door = Door(single, acme)
    await lived(door, HOME)
    assert await door.waits(14) == [0] * 10 + [60] * 4
    for _ in range(8):
        await door.sign_in(client=HOME)
    await single.pools.close()


async def test_no_address_is_kept_and_what_is_over_goes(door: Door) -> None:
    """Promise 7: what strangers type is not ours to keep."""
    await door.waits(3)
    rows = await door.house.rows(door.tenant, ROWS)
    assert ADA not in " ".join(str(value) for row in rows for value in row.values())
    later = door.at + 29 * MINUTE
    await door.house.rows(door.tenant, PRUNE, later)
    assert len(await door.house.rows(door.tenant, ROWS)) == 1
    await door.house.rows(door.tenant, PRUNE, later + 2 * MINUTE)
    assert not await door.house.rows(door.tenant, ROWS)


async def test_failures_are_told_to_who_wants_to_know(
    house: House, acme: Tenant
) -> None:
    """S4-24: once for each that failed."""
    heard: list[UUID] = []

    async def listen(ctx: Context) -> None:
        heard.append(ctx.tenant.id)

    door = Door(house, acme, listeners=(listen,))
    await door.sign_in()
    await door.throttle.failed(door.context())
    assert heard == [acme.id]


@pytest.mark.parametrize("rate", [0, 5])
async def test_an_account_of_no_tenant_waits_as_any_other(
    house: House, acme: Tenant, rate: int
) -> None:
    """Promise 7: attempt by attempt, as long as one of ours."""
    door = Door(house, acme, Rules(account=rate, strangers=0))
    guesses = Guesses(step_of(rate), lambda: door.at, most=2)
    pauses = [0] * 12 + [30, 30, 0, 61, 0, 119, 1, 0, 300, 600, 900, 901, 1801, 0, 5]
    for pause in pauses:
        door.at += timedelta(seconds=pause)
        wait = guesses.take("x")
        assert await door.knock() == (whole_seconds(wait) if wait else 0), pause
    for other in ("y", "z"):
        guesses.take(other)
    assert len(guesses) == 2


@pytest.mark.parametrize("client", ["", "fe80::1%eth0", "300.1.1.1", "::1"])
async def test_any_address_can_knock(door: Door, client: str) -> None:
    """Never a fault, and who has no address is known nowhere."""
    await lived(door, client)
    expected = 0 if "::1" in client else 60
    await door.waits(10)
    assert await door.knock(client=client) == expected


async def test_the_operators_door_is_guarded_alike(house: House) -> None:
    """S4-13, promise 7: in the control database."""
    book, at = OperatorBook(house.control), now()
    email = f"op-{at.timestamp()}@insula.test"
    throttle = Throttle(KEY, book, ANY, clock=lambda: at)
    ctx = Context(VISITOR)
    attempt = ""
    for _ in range(10):
        attempt = await throttle.check(ctx, email, HOME)
    with pytest.raises(SignInThrottled):
        await throttle.check(ctx, email, OFFICE)
    await throttle.passed(ctx, attempt)
    await throttle.check(ctx, email, HOME)
    await book.prune(at + 31 * MINUTE)
    assert not await house.control.fetch(
        "SELECT FROM control.sign_in_throttles WHERE key = $1", attempt
    )


async def test_contacts_are_known_by_their_own_sessions(
    house: House, acme: Tenant
) -> None:
    """Promise 7: not by those of a user with the same address."""
    book = TenantBook(taking("contacts", "contact_sessions", "contact_id"))
    door = Door(house, acme, book=book)
    await lived(door, OFFICE)
    contact = uuid7()
    await house.rows(acme, ADD_CONTACT, contact, door.at, ADA)
    await house.rows(acme, ADD_CONTACT_SESSION, contact, door.at, HOME)
    await door.waits(10)
    assert await door.knock(client=OFFICE) > 0
    assert await door.knock(client=HOME) == 0
    for table in ("contact_sessions", "contacts"):
        gone = f"DELETE FROM home__.{table} WHERE tenant_id = $1::uuid"  # our names
        await house.rows(acme, gone)
