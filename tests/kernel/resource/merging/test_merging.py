"""Merging moves whatever points at a row, in any app, and takes it back again."""

import asyncio
from typing import Any

import pytest

from insula.kernel.database.session import Statement, Transaction
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House
from tests.kernel.resource.conftest import Journal
from tests.kernel.resource.merging.conftest import Club

pytestmark = pytest.mark.anyio


async def surroundings(people: Club, stays: str, goes: str) -> dict[str, Any]:
    """One row of each kind that points at who goes, and some of who stays."""
    make = people.owner.create
    await people.mark(stays, "vip")
    await people.mark(goes, "vip")
    await people.mark(goes, "chess")
    return {
        "brought": await make("club/members", name="Bob", brought_by_id=goes),
        "mine": await make("club/cards", member_id=stays, door="a", first=True),
        "same": await make("club/cards", member_id=goes, door="a"),
        "main": await make("club/cards", member_id=goes, door="b", first=True),
        "note": await make("club/notes", text="x", about=f"club.members:{goes}"),
        "locker": await make(
            "club/lockers",
            member_id=goes,
            helper_id=goes,
            first_on="2026-01-01",
            last_on="2026-01-31",
        ),
    }


async def test_everything_follows_and_goes_back(people: Club) -> None:
    """apps.md 3.1 (3): references, links, marks; what clashes follows its owner's rule."""
    stays, goes = await people.pair()
    made = await surroundings(people, stays, goes)
    merge = (await people.merge(stays, goes)).data
    assert merge["moved"] == {
        "club.cards": 1,
        "club.cards:trashed": 1,
        "club.lockers": 2,
        "club.marks": 1,
        "club.marks:behind": 1,
        "club.members": 1,
        "club.notes": 1,
    }
    main = await people.get(f"cards/{made['main']['id']}")
    assert (main["member_id"], main["first"]) == (stays, False)
    assert (await people.get(f"cards/{made['mine']['id']}"))["first"]
    assert (await people.owner.get(f"club/cards/{made['same']['id']}")).status == 404
    about = (await people.get(f"notes/{made['note']['id']}"))["about"]
    assert about == f"club.members:{stays}"

    undone = (await people.undo(merge["id"])).data
    assert undone["stayed"] == {}
    assert undone["undone_at"]
    for name in ("main", "same", "locker"):
        path = f"{'lockers' if name == 'locker' else 'cards'}/{made[name]['id']}"
        now = await people.get(path)
        kept = made[name] | {k: now[k] for k in ("version", "updated_at")}
        assert now == kept, name
    assert (await people.get(f"members/{made['brought']['id']}"))[
        "brought_by_id"
    ] == goes
    marks = await people.get(f"marks?filter=row_id=={goes}")
    assert sorted(it["word"] for it in marks) == ["chess", "vip"]
    assert (await people.get(f"members/{goes}"))["merged_into_id"] is None


async def test_what_is_empty_is_filled_and_the_other_says_where_it_went(
    people: Club, journal: Journal
) -> None:
    one = await people.member(name="Ada", likes={"tea": 1})
    more = {
        "email": f"{uuid7().hex}@x.test",
        "town": "Ulm",
        "likes": {"tea": 2, "jam": 3},
    }
    two = await people.member(name="Ada Lovelace", **more)
    stays, goes = one["id"], two["id"]
    merge = (await people.merge(stays, goes, take=["name"])).data
    now = await people.get(f"members/{stays}")
    assert (now["name"], now["email"], now["town"]) == (two["name"], two["email"], None)
    assert now["likes"] == {"tea": 1, "jam": 3}
    gone = await people.owner.get(f"club/members/{goes}")
    assert (gone.status, gone.code) == (404, "MERGED")
    assert gone.body["error"]["merged_into"] == stays
    assert "club.members.merge" in [it["action"] for it in await journal.audit(stays)]
    told = [it for it in await journal.outbox(stays) if it["name"].endswith("merged")]
    assert told[0]["payload"]["merged_id"] == goes
    changed = {"town": "Bonn", "email": None, "version": now["version"]}
    await people.owner.patch(f"club/members/{stays}", changed)
    undone = (await people.undo(merge["id"])).data
    assert undone["stayed"] == {"fields": ["email"]}
    assert (await people.get(f"members/{stays}"))["name"] == "Ada"
    assert (await people.get(f"members/{goes}"))["email"] == two["email"]


async def test_a_row_that_went_elsewhere_since_stays_there(people: Club) -> None:
    stays, goes = await people.pair()
    cards = [
        await people.owner.create(
            "club/cards", member_id=goes, door=str(n), first=n == 0
        )
        for n in range(2)
    ]
    merge = (await people.merge(stays, goes)).data
    third = (await people.member())["id"]
    later = (await people.merge(third, stays)).data
    refused = await people.undo(merge["id"])
    assert (refused.status, refused.code) == (409, "MERGE_NOT_UNDONE")
    await people.undo(later["id"])
    assert (
        await people.owner.send("DELETE", f"club/cards/{cards[0]['id']}")
    ).status == 200
    await people.undo(merge["id"])
    again = await people.undo(merge["id"])
    assert (again.status, again.code) == (409, "MERGE_UNDONE_ALREADY")
    listed = await people.get(f"cards?filter=member_id=={goes}")
    assert [it["id"] for it in listed] == [cards[1]["id"]]


async def test_what_cannot_be_merged_is_said_clearly(people: Club, club: House) -> None:
    one = await people.member(name="One")
    below = await people.member(name="Below", brought_by_id=one["id"])
    lowest = await people.member(name="Lowest", brought_by_id=below["id"])
    stranger = await club.tenant(apps=("club",))
    theirs = await (await club.user(stranger)).create("club/members", name="X")
    answers = {
        "itself": await people.merge(one["id"], one["id"]),
        "circle": await people.merge(lowest["id"], one["id"]),
        "foreign": await people.merge(one["id"], theirs["id"]),
        "unknown": await people.merge(one["id"], str(uuid7())),
        "field": await people.merge(one["id"], lowest["id"], take=["nothing"]),
        "stale": await people.owner.post(
            f"club/members/{one['id']}/merge",
            {"from": lowest["id"]},
            headers={"if-match": '"7"'},
        ),
    }
    await people.owner.send("DELETE", f"club/members/{lowest['id']}")
    answers["trashed"] = await people.merge(one["id"], lowest["id"])
    assert {name: (it.status, it.code) for name, it in answers.items()} == {
        "itself": (409, "MERGE_WITH_ITSELF"),
        "circle": (409, "MERGE_IN_CIRCLE"),
        "foreign": (422, "VALIDATION_ERROR"),
        "unknown": (422, "VALIDATION_ERROR"),
        "field": (422, "VALIDATION_ERROR"),
        "stale": (412, "VERSION_MISMATCH"),
        "trashed": (422, "VALIDATION_ERROR"),
    }


async def test_a_dry_run_tells_what_would_move_and_moves_nothing(
    people: Club, journal: Journal
) -> None:
    stays, goes = await people.pair()
    card = await people.owner.create("club/cards", member_id=goes, door="a")
    before = await journal.length()
    tried = await people.merge(stays, goes, "?dry_run=true")
    assert tried.data["moved"] == {"club.cards": 1}
    assert (await people.get(f"cards/{card['id']}"))["member_id"] == goes
    assert await journal.length() == before


async def test_a_merge_that_dies_in_the_middle_leaves_nothing(
    people: Club, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, goes = await people.pair()
    card = await people.owner.create("club/cards", member_id=goes, door="a")
    before, fetch = await journal.length(), Transaction.fetch

    async def dying(self: Transaction, statement: Statement, *args: object) -> Any:
        if "home__.club_notes" in statement.text:
            raise TimeoutError
        return await fetch(self, statement, *args)

    monkeypatch.setattr(Transaction, "fetch", dying)
    assert (await people.merge(stays, goes)).status == 503
    monkeypatch.undo()
    assert (await people.get(f"cards/{card['id']}"))["member_id"] == goes
    assert (await people.get(f"members/{goes}"))["merged_into_id"] is None
    assert await journal.length() == before


async def test_as_many_statements_for_many_rows_as_for_none(
    people: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    fetch = Transaction.fetch

    async def noted(self: Transaction, statement: Statement, *args: object) -> Any:
        sent.append(statement.text)
        return await fetch(self, statement, *args)

    counts = []
    for rows in (0, 12):
        stays, goes = await people.pair()
        for at in range(rows):
            await people.owner.create("club/cards", member_id=goes, door=str(at))
        with monkeypatch.context() as patched:
            patched.setattr(Transaction, "fetch", noted)
            await people.merge(stays, goes)
        counts.append(len(sent))
        sent.clear()
    assert counts[0] == counts[1], counts


async def test_merges_at_once_never_deadlock(people: Club) -> None:
    """D8: each pair is merged both ways at once; one wins, the other is told."""
    for _ in range(4):
        one, two = await people.pair()
        for at in range(4):
            ends = {"member_id": one, "helper_id": two}
            if at % 2:
                ends = {"member_id": two, "helper_id": one}
            days = {"first_on": f"2026-0{at + 1}-01", "last_on": f"2026-0{at + 1}-02"}
            await people.owner.create("club/lockers", **ends, **days)
        answers = await asyncio.gather(people.merge(one, two), people.merge(two, one))
        assert sorted(it.status for it in answers) in ([200, 404], [200, 422])


async def test_whoever_may_not_merge_or_see_a_row_cannot(
    people: Club, club: House, tenant: Tenant
) -> None:
    stays, goes = await people.pair()
    reader = await club.user(tenant, "viewer")
    assert (
        await reader.post(f"club/members/{stays}/merge", {"from": goes})
    ).status == 403
    helper = await club.user(tenant, "club.helper")
    mine = await helper.create("club/members", name="Mine")
    for pair in ((mine["id"], goes), (goes, mine["id"])):
        answer = await helper.post(f"club/members/{pair[0]}/merge", {"from": pair[1]})
        assert answer.status == (404 if pair[0] == goes else 422)
