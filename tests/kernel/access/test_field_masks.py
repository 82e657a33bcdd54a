"""Which fields somebody sees and sets: what is hidden does not exist for them."""

import json
from typing import Any

import pytest

from insula.kernel.access.grants import Mask, RoleGrants, merged
from insula.kernel.services.webhooks.visibility import Visibility
from tests.house import Answer, Caller
from tests.kernel.access.conftest import Town

pytestmark = pytest.mark.anyio

DEALS = "sales/deals"
DEAL_GRANTS = ("sales.deals.manage",)


@pytest.fixture(scope="module")
async def clerk(settled_town: Town) -> Caller:
    """Somebody who sees no amount, and may not touch the title."""
    mask = {"hide": ["amount"], "freeze": ["title"]}
    await settled_town.role("clerk", *DEAL_GRANTS, sales_deals=mask)
    return await settled_town.user("clerk")


def said(answer: Answer) -> str:
    return json.dumps(answer.body)


async def test_a_hidden_field_is_in_no_answer(town: Town, clerk: Caller) -> None:
    """Promise 3: rows, lists, what a change and an action answer with."""
    deal = await town.deal("quiet", amount=424242)
    path = f"{DEALS}/{deal['id']}"
    one = (await clerk.get(path)).data
    assert "amount" not in one
    assert one["title"] == "quiet"
    page = await clerk.get(f"{DEALS}?per_page=100")
    changed = await clerk.patch(path, {"probability": 9, "version": 1})
    acted = await clerk.post(f"{path}/win", {"amount": 7})
    assert changed.data["probability"] == 9
    for answer in (page, changed, acted):
        assert answer.status == 200
        assert "amount" not in said(answer)
    assert "amount" in (await town.owner.get(path)).data


@pytest.mark.parametrize(
    "query",
    [
        "amount=424242",
        "filter=amount=gt=1",
        "filter=margin==0;amount=in=(1,2)",
        "sort=amount",
        "sort=-amount",
        "fields=title,amount",
        "scope=big",
    ],
)
async def test_a_hidden_field_is_asked_for_in_vain(
    town: Town, clerk: Caller, query: str
) -> None:
    """Pitfall 24: no filter, sort or selection tells more of it than of no field."""
    other = query.replace("amount", "nonsense").replace("big", "none")
    hidden, unknown = (
        await clerk.get(f"{DEALS}?{query}"),
        await clerk.get(f"{DEALS}?{other}"),
    )
    assert (hidden.status, hidden.code) == (400, "INVALID_QUERY")
    told = hidden.body["error"]["message"].replace("amount", "nonsense")
    assert told.replace("big", "none") == unknown.body["error"]["message"]
    assert (await town.owner.get(f"{DEALS}?{query}")).status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [({"amount": 5}, "unknown"), ({"title": "x"}, "read_only")],
)
async def test_what_is_withheld_cannot_be_written(
    town: Town, clerk: Caller, body: dict[str, Any], code: str
) -> None:
    """Promise 3, pitfall 27: a hidden field is none, a frozen one is not theirs."""
    deal = await town.deal("frozen", amount=1)
    path = f"{DEALS}/{deal['id']}"
    refused = await clerk.patch(path, {**body, "version": 1})
    assert refused.status == 422
    assert [it["code"] for it in refused.body["error"]["details"]] == [code]
    made = await clerk.post(DEALS, {"title": "new", **body})
    assert made.status == 422
    whole = {name: deal[name] for name in ("title", "amount", "probability")}
    whole |= {"margin": 0, "owner_id": None, "team_id": None}
    replaced = await clerk.send(
        "PUT", path, json_body=whole, headers={"if-match": '"1"'}
    )
    assert (replaced.status, replaced.code) == (403, "FIELDS_PROTECTED")
    assert (await town.owner.get(path)).data == deal


async def test_an_import_writes_no_field_that_is_withheld(
    town: Town, clerk: Caller
) -> None:
    """Promise 3: in bulk as singly."""
    answer = await clerk.send(
        "POST",
        f"{DEALS}/import",
        headers={"content-type": "text/csv"},
        content=b"title,amount\nx,5\n",
    )
    assert answer.status == 422
    assert "sales" not in said(answer)


async def test_a_field_may_ask_for_a_permission_of_its_own(town: Town) -> None:
    """Promise 3: ``column(read=…, write=…)`` holds for whoever has not both."""
    reader = await town.user("sales.reader")
    await town.role("analyst", "sales.deals.read", "sales.deals.read_margin")
    await town.role(
        "seller", "sales.deals.read", "sales.deals.update", "sales.deals.read_margin"
    )
    analyst, seller = await town.user("analyst"), await town.user("seller")
    deal = await town.deal("with margin", margin=31)
    path = f"{DEALS}/{deal['id']}"
    assert "margin" not in (await reader.get(path)).data
    assert (await reader.get(f"{DEALS}?margin=31")).status == 400
    assert (await analyst.get(path)).data["margin"] == 31
    assert (await analyst.get(f"{DEALS}?margin=31&sort=margin")).status == 200
    refused = await seller.patch(path, {"margin": 1, "version": 1})
    assert refused.status == 422
    allowed = await town.owner.patch(path, {"margin": 30, "version": 1})
    assert allowed.data["margin"] == 30


async def test_a_second_role_shows_what_the_first_one_hides(town: Town) -> None:
    """Rights add up: a mask withholds what its own role gives, and no more."""
    await town.role("half", "sales.deals.read", sales_deals={"hide": ["amount"]})
    both = await town.user("half", "sales.reader")
    deal = await town.deal("seen", amount=3)
    assert (await both.get(f"{DEALS}/{deal['id']}")).data["amount"] == 3


async def test_events_tell_of_no_hidden_field(town: Town, clerk: Caller) -> None:
    """Promise 3: what is heard of a row has no more fields than what is read of it."""
    deal = await town.deal("told", amount=515151)
    await town.house.work(town.tenant)
    heard = await clerk.get("events?events=sales.deal.*&per_page=100")
    mine = [it for it in heard.data if it["resource_id"] == deal["id"]]
    assert [it["data"]["title"] for it in mine] == ["told"]
    assert "515151" not in said(heard)
    whole = await town.owner.get("events?events=sales.deal.*&per_page=100")
    assert "515151" in said(whole)


@pytest.mark.parametrize(
    ("roles", "hidden", "frozen"),
    [
        ([("a.b.read", "x", "")], "x", "x"),
        ([("a.b.read", "x", ""), ("a.b.read", "", "")], "", ""),
        ([("a.b.read", "xy", ""), ("own:a.b.read", "y", "")], "y", "y"),
        ([("a.b.read", "x", ""), ("c.d.read", "", "")], "x", "x"),
        ([("a.b.manage", "", "z"), ("a.b.read", "", "")], "", "z"),
        ([("a.b.manage", "", "z"), ("a.b.update", "", "")], "", ""),
        ([("a.b.read", "", ""), ("a.b.update", "x", "")], "", "x"),
    ],
)
def test_what_several_roles_withhold_together(
    roles: list[tuple[str, str, str]], hidden: str, frozen: str
) -> None:
    """A field is withheld if every role withholds it that opens the resource so."""
    given = [
        RoleGrants((grant,), {"a.b": Mask.of(hide, freeze)})
        for grant, hide, freeze in roles
    ]
    mask = merged(given).get("a.b", Mask())
    assert (mask.hide, mask.freeze) == (frozenset(hidden), frozenset(frozen))


async def test_a_webhook_tells_no_more_than_its_keeper_sees(
    town: Town, clerk: Caller
) -> None:
    """Promise 3: who answers for an endpoint gives away nothing that they do not see."""
    platform, tenant = town.house.platform, town.tenant
    visibility = Visibility(lambda: platform.engine)
    session = platform.open_session(tenant.home, tenant.id)
    people = [clerk.actor_id, town.owner.actor_id]
    async with session.transaction() as transaction:
        keepers = await visibility.keepers(transaction, people)
    data = {"title": "t", "amount": 9}
    told = [
        visibility.shown(keepers[it], "sales.deal.created", data).keys()
        for it in people
    ]
    assert told == [{"title"}, {"title", "amount"}]


async def test_whoever_sees_some_rows_hears_of_none(town: Town) -> None:
    """R36: an event does not say whose its row is, so it is for those who see all."""
    rep = await town.user("sales.sales_rep")
    await town.deal("theirs", rep)
    await town.house.work(town.tenant)
    assert (await rep.get("events?events=sales.deal.*")).data == []
