"""Which rows somebody reaches: ``own:``, ``team:`` and everything else is unknown."""

import json
from typing import Any

import pytest

from tests.house import Caller
from tests.kernel.access.conftest import Town

pytestmark = pytest.mark.anyio

DEALS = "sales/deals"
NOBODY = "0190a0a0-0000-7000-8000-000000000000"


def titles(page: Any) -> set[str]:
    return {row["title"] for row in page}


async def all_of(caller: Caller, query: str = "") -> set[str]:
    return titles((await caller.get(f"{DEALS}?per_page=100{query}")).data)


async def test_own_rows_are_listed_and_no_others(town: Town) -> None:
    """R36, S3-78: ``own:`` reaches the rows whose owner one is."""
    ada, ben = await town.user("sales.sales_rep"), await town.user("sales.sales_rep")
    await town.deal("ada's", ada, amount=1000)
    await town.deal("ben's", ben, amount=1000)
    await town.deal("nobody's", amount=1000)
    assert await all_of(ada) == {"ada's"}
    assert await all_of(ben, "&amount=1000") == {"ben's"}
    assert await all_of(ada, "&scope=big&sort=title") == {"ada's"}
    assert {"ada's", "ben's", "nobody's"} <= await all_of(town.owner)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"title": "mine now"}),
        ("PUT", "", None),
        ("DELETE", "", None),
        ("POST", "/win", {"amount": 1}),
    ],
)
async def test_a_row_out_of_scope_is_as_unknown_as_none(
    town: Town, method: str, path: str, body: Any
) -> None:
    """S3-78, pitfalls 23, 28: whatever is asked of it, and nothing happens to it."""
    rep, other = await town.user("sales.sales_rep"), await town.user("sales.sales_rep")
    theirs = await town.deal("theirs", other)
    if method == "PUT":
        kept = ("id", "type", "version", "created_at", "updated_at", "stage", "margin")
        body = {name: it for name, it in theirs.items() if name not in kept}
        body |= {"owner_id": str(rep.actor_id), "margin": 0}
    for match in ('"1"', '"7"'):
        sent = {"json_body": body, "headers": {"if-match": match}}
        one = await rep.send(method, f"{DEALS}/{theirs['id']}{path}", **sent)
        none = await rep.send(method, f"{DEALS}/{NOBODY}{path}", **sent)
        assert (one.status, none.status) in ((404, 404), (403, 403))
        assert (one.code, one.headers.get("etag")) == (none.code, None)
    assert (await town.owner.get(f"{DEALS}/{theirs['id']}")).data == theirs


async def test_what_is_ones_own_can_be_worked_with(town: Town) -> None:
    """S3-78: read, changed, acted upon, thrown away and brought back."""
    rep = await town.user("sales.sales_rep")
    made = await rep.create(DEALS, title="my first")
    assert made["owner_id"] == str(rep.actor_id)
    path = f"{DEALS}/{made['id']}"
    changed = await rep.patch(path, {"title": "better", "version": 1})
    assert changed.data["title"] == "better"
    won = await rep.post(f"{path}/win", {"amount": 5})
    assert (won.data["stage"], won.data["amount"]) == ("won", 5)
    gone = await rep.send("DELETE", path, headers={"if-match": '"3"'})
    assert gone.status == 200
    assert titles((await rep.get(f"{DEALS}?deleted=only")).data) == {"better"}
    back = await rep.post(f"{path}/restore", headers={"if-match": '"4"'})
    assert back.data["title"] == "better"


async def test_the_trash_of_others_stays_theirs(town: Town) -> None:
    """S3-78: what somebody else threw away is not listed and cannot be restored."""
    rep, other = await town.user("sales.sales_rep"), await town.user("sales.sales_rep")
    theirs = await other.create(DEALS, title="thrown away")
    path = f"{DEALS}/{theirs['id']}"
    await other.send("DELETE", path, headers={"if-match": '"1"'})
    assert (await rep.get(f"{DEALS}?deleted=only")).data == []
    answer = await rep.post(f"{path}/restore", headers={"if-match": '"2"'})
    assert answer.status == 404


async def test_nobody_gives_a_row_away_to_where_they_cannot_follow(town: Town) -> None:
    """Pitfall 27: a new owner is named by those alone who reach every row."""
    rep, other = await town.user("sales.sales_rep"), await town.user("sales.sales_rep")
    foreign = {"title": "for you", "owner_id": str(other.actor_id)}
    refused = await rep.post(DEALS, foreign)
    assert refused.status == 422
    assert refused.body["error"]["details"][0]["code"] == "out_of_scope"
    mine = await rep.create(DEALS, title="mine")
    for owner in (str(other.actor_id), None):
        answer = await rep.patch(
            f"{DEALS}/{mine['id']}", {"owner_id": owner, "version": 1}
        )
        assert answer.status == 422
    moved = await town.owner.patch(
        f"{DEALS}/{mine['id']}", {"owner_id": str(other.actor_id), "version": 1}
    )
    assert moved.data["owner_id"] == str(other.actor_id)
    assert (await rep.get(f"{DEALS}/{mine['id']}")).status == 404


async def test_a_team_reaches_its_peoples_rows_and_its_own(town: Town) -> None:
    """R36, S3-04: ``team:`` is one's own rows, those of companions, the team's."""
    lead, rep = await town.user("sales.sales_lead"), await town.user("sales.sales_rep")
    stranger = await town.user("sales.sales_rep")
    team = await town.team("north", lead, rep)
    await town.deal("lead's", lead)
    companion = await town.deal("companion's", rep)
    await town.deal("the team's", team_id=team)
    await town.deal("stranger's", stranger)
    assert await all_of(lead) == {"lead's", "companion's", "the team's"}
    assert await all_of(rep) == {"companion's"}
    answer = await lead.patch(
        f"{DEALS}/{companion['id']}", {"title": "helped", "version": 1}
    )
    assert answer.data["title"] == "helped"


async def test_a_team_hands_rows_to_its_own_people(town: Town) -> None:
    """Pitfall 27: a row moves within the team, and never out of it."""
    lead, rep = await town.user("sales.sales_lead"), await town.user("sales.sales_rep")
    stranger = await town.user("sales.sales_rep")
    team = await town.team("south", lead, rep)
    mine = await lead.create(DEALS, title="to hand on")
    path = f"{DEALS}/{mine['id']}"
    out = await lead.patch(path, {"owner_id": str(stranger.actor_id), "version": 1})
    assert out.status == 422
    on = await lead.patch(path, {"owner_id": str(rep.actor_id), "version": 1})
    assert on.data["owner_id"] == str(rep.actor_id)
    made = await lead.create(DEALS, title="everybody's", team_id=team)
    assert made["owner_id"] is None
    elsewhere = await lead.post(DEALS, {"title": "no", "team_id": NOBODY})
    assert elsewhere.status == 422


async def test_who_leaves_a_team_reaches_its_rows_no_more(town: Town) -> None:
    """S3-05: membership counts at the moment of the request."""
    lead, rep = await town.user("sales.sales_lead"), await town.user("sales.sales_rep")
    team = await town.team("west", lead, rep)
    deal = await town.deal("west's", rep)
    assert (await lead.get(f"{DEALS}/{deal['id']}")).status == 200
    members = (await town.owner.get(f"teams/{team}/members")).data
    gone = next(it for it in members if it["user_id"] == str(lead.actor_id))
    await town.owner.send(
        "DELETE", f"team-members/{gone['id']}", headers={"if-match": '"1"'}
    )
    assert (await lead.get(f"{DEALS}/{deal['id']}")).status == 404


async def test_a_cursor_does_not_outlive_its_reach(town: Town) -> None:
    """Pitfall 26: a page of everything goes on for nobody who sees less by now."""
    for number in range(3):
        await town.deal(f"page {number}")
    wide = await town.user("sales.reader")
    page = await wide.get(f"{DEALS}?per_page=1")
    cursor = page.body["meta"]["pagination"]["next_cursor"]
    assert (await wide.get(f"{DEALS}?per_page=1&cursor={cursor}")).status == 200
    narrow = await town.user("sales.sales_rep")
    answer = await narrow.get(f"{DEALS}?per_page=1&cursor={cursor}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")


async def test_views_count_what_their_reader_sees(town: Town) -> None:
    """Pitfall 25: totals are of the rows in reach."""
    rep = await town.user("sales.sales_rep")
    await town.deal("counted", rep, amount=7)
    await town.deal("not counted", amount=70)
    assert (await rep.get("sales/totals")).data == {"deals": 1, "amount": 7}
    assert (await town.owner.get("sales/totals")).data["amount"] >= 77


async def test_an_import_makes_rows_of_ones_own(town: Town) -> None:
    """S3-78: in bulk as singly; and what others have is not recognised."""
    rep, other = await town.user("sales.sales_rep"), await town.user("sales.sales_rep")
    text = f"title,owner_id\nfirst,\nsecond,{other.actor_id}\n"
    answer = await rep.send(
        "POST",
        f"{DEALS}/import",
        headers={"content-type": "text/csv"},
        content=text.encode(),
    )
    assert (answer.data["created"], answer.data["failed"]) == (1, 1)
    assert answer.data["errors"][0]["code"] == "out_of_scope"
    assert await all_of(rep) == {"first"}


async def test_an_import_does_not_tell_of_rows_out_of_reach(town: Town) -> None:
    """Pitfalls 24, 25: a key that only others have is not "existing"."""
    rep, other = await town.user("sales.sales_rep"), await town.user("sales.sales_rep")
    await other.create(DEALS, title="guessed", amount=5)
    mapping = json.dumps({"map": {"title": "t", "amount": "a"}, "key": ["title"]})
    answer = await rep.send(
        "POST",
        f"{DEALS}/import",
        headers={"content-type": "text/csv"},
        content=b"t,a\nguessed,5\n",
        params={"mapping": mapping},
    )
    assert (answer.data["existing"], answer.data["created"]) == (0, 1)


async def test_a_resource_without_owners_gives_nothing_to_own(town: Town) -> None:
    """R36: ``own:`` of what is nobody's is no permission at all."""
    await town.role("liner", "own:isp.lines.manage")
    person = await town.user("liner")
    answer = await person.get("isp/lines")
    assert (answer.status, answer.code) == (403, "FORBIDDEN")


async def test_whoever_makes_a_row_owns_it_where_nothing_else_is_said(
    town: Town,
) -> None:
    """R36: ``created_by`` is the owner by default, and no caller writes it."""
    customer, other = await town.user("isp.customer"), await town.user("isp.customer")
    ticket = await customer.create("isp/tickets", subject="no signal")
    assert ticket["created_by"] == str(customer.actor_id)
    assert (await other.get(f"isp/tickets/{ticket['id']}")).status == 404
    forged = {"subject": "hers", "created_by": str(other.actor_id)}
    assert (await customer.post("isp/tickets", forged)).status == 422


async def test_a_narrower_read_narrows_what_is_changed(town: Town) -> None:
    """Pitfall 23: a change answers with the row, and so goes no further than reading."""
    await town.role("blind_writer", "own:sales.deals.read", "sales.deals.update")
    person = await town.user("blind_writer")
    deal = await town.deal("out of sight")
    answer = await person.patch(f"{DEALS}/{deal['id']}", {"title": "x", "version": 1})
    assert answer.status == 404
