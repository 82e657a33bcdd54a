"""Ranks: rows in an order that people give them, without touching the others (K15)."""

import asyncio
import random
from typing import Any

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.ranks import LONGEST, between, fresh_rank, spread
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
TICKETS = "shop/tickets"


def test_ten_thousand_rows_in_one_place_need_few_digits() -> None:
    """Always behind the same row, and always before it."""
    for moving in (0, 1):
        ends = [fresh_rank(), fresh_rank()]
        for _ in range(10_000):
            key = between(*ends)
            assert key is not None
            assert ends[0] < key < ends[1]
            assert len(key) <= 30
            ends[moving] = key


def test_there_is_room_in_any_gap_until_a_key_would_be_too_long() -> None:
    chance = random.Random(3)  # noqa: S311  # no secret
    keys = [fresh_rank() for _ in range(3)]
    assert keys == sorted(keys)
    for _ in range(3000):
        at = chance.randrange(len(keys) + 1)
        before = keys[at - 1] if at else None
        key = between(before, keys[at] if at < len(keys) else None)
        assert key is not None
        keys.insert(at, key)
    assert keys == sorted(set(keys))
    assert max(map(len, keys)) <= LONGEST


def test_the_ends_are_open() -> None:
    key = first = fresh_rank()
    for _ in range(1000):
        lower, higher = between(None, first), between(key, None)
        assert lower is not None
        assert higher is not None
        assert lower < first
        assert higher > key
        first, key = lower, higher
    assert len(first) <= LONGEST
    keys = spread(5000)
    assert keys == sorted(set(keys))
    assert keys[0] > key


async def queue(owner: Caller) -> list[str]:
    """The names in the queue."""
    path = f"{TICKETS}?sort=rank&per_page=100"
    return [it["name"] for it in (await owner.get(path)).data]


async def filled(shop: House, names: str) -> tuple[Tenant, Caller, dict[str, Any]]:
    """A tenant of its own with a queue."""
    tenant = await shop.tenant(apps=("shop",))
    owner = await shop.user(tenant)
    rows = {it: (await owner.create(TICKETS, name=it))["id"] for it in names}
    return tenant, owner, rows


async def test_new_rows_come_last_and_rows_can_be_moved(shop: House) -> None:
    _, owner, ids = await filled(shop, "abcd")
    assert await queue(owner) == [*"abcd"]
    moved = await owner.post(f"{TICKETS}/{ids['d']}/place", {"after": ids["a"]})
    assert moved.status == 200
    assert await queue(owner) == [*"adbc"]
    await owner.post(f"{TICKETS}/{ids['c']}/place", {"before": ids["a"]})
    assert await queue(owner) == [*"cadb"]
    await owner.post(f"{TICKETS}/{ids['c']}/last")
    await owner.create(TICKETS, name="e")
    assert await queue(owner) == [*"adbce"]


async def test_a_place_is_beside_one_other_row(shop: House, owner: Caller) -> None:
    _, mine, ids = await filled(shop, "ab")
    theirs = (await owner.create(TICKETS, name="x"))["id"]
    path = f"{TICKETS}/{ids['a']}/place"
    unknown = str(uuid7())
    for body in (
        {},
        {"after": ids["b"], "before": ids["b"]},
        *({"after": it} for it in (ids["a"], theirs, unknown, 5)),
    ):
        answer = await mine.post(path, body)
        assert (answer.status, answer.code) == (422, "VALIDATION_ERROR"), body
    assert await queue(mine) == ["a", "b"]


async def test_rows_moved_to_one_place_at_once_all_arrive(shop: House) -> None:
    _, owner, ids = await filled(shop, "abcdefgh")
    work = [
        owner.post(f"{TICKETS}/{ids[it]}/place", {"after": ids["a"]}) for it in "cdefgh"
    ]
    assert {it.status for it in await asyncio.gather(*work)} == {200}
    found = await queue(owner)
    assert (found[0], found[-1], sorted(found)) == ("a", "b", [*"abcdefgh"])


async def test_where_there_is_no_room_the_order_is_written_anew(shop: House) -> None:
    tenant, owner, ids = await filled(shop, "abc")
    ranks = {"a": "V" * LONGEST, "b": "V" * (LONGEST - 1) + "W"}
    session = shop.platform.open_session(tenant.home, tenant.id)
    change = Statement(
        "UPDATE home__.shop_tickets SET rank = $2"
        " WHERE tenant_id = $1::text::uuid AND id = $3::text::uuid"
    )
    async with session.transaction() as transaction:
        for name, rank in ranks.items():
            await transaction.fetch(change, rank, ids[name])
    before = await queue(owner)
    first, second = sorted(ranks, key=before.index)
    body = {"after": ids[first]}
    moved = await owner.post(f"{TICKETS}/{ids['c']}/place", body)
    assert moved.status == 200
    found = await queue(owner)
    assert found.index(first) + 1 == found.index("c") == found.index(second) - 1
    assert len(moved.data["rank"]) < LONGEST


async def test_each_invoice_has_an_order_of_its_own(owner: Caller) -> None:
    one, two = [
        (await owner.create("shop/invoices", title="A"))["id"] for _ in range(2)
    ]
    here = [
        (await owner.create("shop/lines", invoice_id=one, label=it))["id"]
        for it in "ab"
    ]
    there = (await owner.create("shop/lines", invoice_id=two, label="x"))["id"]
    path = f"shop/lines/{here[1]}/place"
    assert (await owner.post(path, {"before": there})).status == 422
    assert (await owner.post(path, {"before": here[0]})).status == 200
