"""Sequences: numbers without a gap where the law wants it, and fast ones (K4)."""

import asyncio
import random

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.session import Session
from insula.kernel.tenancy.tenant import Tenant
from insula.sdk import Sequence
from tests.house import Caller, House
from tests.kernel.resource.vocabulary.shop import Invoice

pytestmark = pytest.mark.anyio
INVOICES = "shop/invoices"


def session_of(shop: House, tenant: Tenant) -> Session:
    return shop.platform.open_session(tenant.home, tenant.id)


async def test_invoices_are_numbered_from_their_start_on(
    shop: House, owner: Caller
) -> None:
    other = await shop.user(await shop.tenant(apps=("shop",)))
    mine = [(await owner.create(INVOICES, title="A"))["number"] for _ in range(3)]
    theirs = [(await other.create(INVOICES, title="A"))["number"] for _ in range(2)]
    assert (mine, theirs) == ([1000, 1001, 1002], [1000, 1001])


async def test_parallel_rollbacks_leave_no_gap(shop: House, tenant: Tenant) -> None:
    """K4: forty transactions at once, a third of them undone: 1 to n, each once."""
    sequence, chance = Sequence("shop.proofs", gapless=True), random.Random(7)  # noqa: S311  # no secret
    session, given = session_of(shop, tenant), list[int]()

    async def use(fails: bool) -> None:
        async with session.transaction() as transaction:
            number = await sequence.next(transaction, session)
            await asyncio.sleep(0)
            if fails:
                raise LookupError
        given.append(number)

    work = [use(chance.random() < 0.35) for _ in range(40)]
    failed = await asyncio.gather(*work, return_exceptions=True)
    assert sorted(given) == list(range(1, len(given) + 1))
    assert 0 < len(given) < 40
    assert {type(it) for it in failed} == {type(None), LookupError}


async def test_refused_invoices_use_no_number(owner: Caller) -> None:
    first = (await owner.create(INVOICES, title="A"))["number"]
    for _ in range(3):  # refused by the database, after the number was taken
        refused = await owner.post(INVOICES, {"title": "A", "amount_minor": 1})
        assert refused.status == 422
    assert (await owner.create(INVOICES, title="A"))["number"] == first + 1


async def test_many_invoices_at_once_get_numbers_in_a_row(owner: Caller) -> None:
    before = (await owner.create(INVOICES, title="A"))["number"]
    work = [owner.create(INVOICES, title=f"{at}") for at in range(20)]
    made = [it["number"] for it in await asyncio.gather(*work)]
    assert sorted(made) == list(range(before + 1, before + 21))


async def test_an_action_knows_the_number_of_what_it_adds(owner: Caller) -> None:
    made = await owner.create(INVOICES, title="A")
    path = f"{INVOICES}/{made['id']}/copy"
    copied = (await owner.post(path, {"title": "B", "lines": 2})).data
    assert copied["number"] == made["number"] + 1


async def test_a_fast_number_is_never_given_twice(
    shop: House, tenant: Tenant, owner: Caller
) -> None:
    """Two processes take blocks of their own; what fails loses its number."""
    other, session = Sequence("shop.tickets"), session_of(shop, tenant)
    work = [owner.create("shop/tickets", name=f"{at}") for at in range(30)]
    made = [it["number"] for it in await asyncio.gather(*work)]
    made += [await other.next_fast(session) for _ in range(60)]
    assert len(set(made)) == 90


async def test_a_fast_number_does_not_wait_for_others(
    shop: House, tenant: Tenant
) -> None:
    """K4: while one transaction has a number and stays open, the next one is given."""
    sequence, session = Sequence("shop.open"), session_of(shop, tenant)
    async with asyncio.timeout(5), session.transaction() as one:
        first = await sequence.next(one, session)
        async with session.transaction() as two:
            assert await sequence.next(two, session) == first + 1


async def test_a_fast_number_outlives_the_transaction_around_it(
    shop: House, tenant: Tenant
) -> None:
    """The block is taken by itself, even within a joint session that is undone."""
    sequence, session = Sequence("shop.joint"), session_of(shop, tenant)

    async def fail() -> None:
        async with session.joint() as joint:
            assert await sequence.next_fast(joint) == 1
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await Sequence("shop.joint").next_fast(session) == 51


async def test_rows_that_an_app_adds_are_numbered(shop: House, tenant: Tenant) -> None:
    actor = Actor(ActorKind.system, None, tenant=tenant.id, grants=("*",))
    ctx = Context(actor, tenant=tenant, session=session_of(shop, tenant))
    async with shop.platform.engine.work(ctx) as work:
        rows = [await work.add(Invoice(title=f"{at}")) for at in range(3)]
        first = rows[0].number
        assert [it.number for it in rows] == [first, first + 1, first + 2]


@pytest.mark.parametrize("name", ["", "deals", "crm.Deals", "crm.deals'", "a." * 60])
def test_a_sequence_has_a_name_of_ours(name: str) -> None:
    with pytest.raises(ValueError, match="does not name"):
        Sequence(name)


async def test_imported_invoices_are_numbered_in_the_order_of_the_file(
    shop: House,
) -> None:
    """Run again, the file makes nothing and uses no number."""
    owner = await shop.user(await shop.tenant(apps=("shop",)))
    titles = [f"Invoice {at}" for at in range(7)]
    for _ in range(2):
        sent = await owner.send(
            "POST",
            f"{INVOICES}/import?key=title",
            headers={"content-type": "text/csv"},
            content="\n".join(["title", *titles]).encode(),
        )
        assert sent.data["failed"] == 0, sent.body
    await owner.create(INVOICES, title="Last")
    rows = (await owner.get(f"{INVOICES}?sort=number")).data
    assert [(it["number"], it["title"]) for it in rows] == [
        *enumerate([*titles, "Last"], start=1000)
    ]
