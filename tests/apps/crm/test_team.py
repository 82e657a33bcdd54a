"""Who sells sees what is theirs, and is told of what rests or is overdue."""

from datetime import UTC, datetime, timedelta

import pytest

from insula.apps.crm.manifest import app
from insula.server.scheduler import system_context
from tests.apps.crm.shop import Shop
from tests.house import House

pytestmark = pytest.mark.anyio


async def test_a_rep_sees_their_own_and_a_manager_the_teams(
    house: House, shop: Shop
) -> None:
    """S2-32, apps 4.2 (11)."""
    rep = await house.user(shop.tenant, "crm.sales_rep")
    chief = await house.user(shop.tenant, "crm.sales_manager")
    stranger = await house.user(shop.tenant, "crm.sales_rep")
    team = await shop.boss.create("teams", name="North")
    for member in (rep, chief):
        await shop.boss.create(
            f"teams/{team['id']}/members", user_id=str(member.actor_id)
        )
    mine = await rep.create("crm/deals", title="Mine")
    assert mine["owner_id"] == str(rep.actor_id)
    for who, sees in ((rep, True), (chief, True), (stranger, False)):
        found = [it["title"] for it in (await who.get("crm/deals")).data]
        assert ("Mine" in found) is sees
        won = await who.get("crm/reports/pipeline")
        assert bool(won.data["rows"]) is sees
    assert (await stranger.post(f"crm/deals/{mine['id']}/win")).status == 404
    assert (await rep.post("crm/stages", {"name": "X"})).status == 403


async def test_owners_hear_of_resting_deals_and_overdue_activities(
    house: House, shop: Shop
) -> None:
    """Apps 4.2 (7): once, however often the reminder runs."""
    rep = await house.user(shop.tenant, "crm.sales_rep")
    late = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    call = await rep.create("crm/activities", subject="Call back", due_at=late)
    deal = await rep.create("crm/deals", title="Rests")
    await shop.move(deal, "Offered")
    ctx = await system_context(house.platform, shop.tenant.id)
    remind = next(it for it in app.schedules if it.name == "remind")
    for _ in range(2):
        async with house.platform.engine.work(ctx) as work:
            await remind.run(work)
    found = (await rep.get("notifications")).data
    assert [it["kind"] for it in found] == ["crm.activities_overdue"]
    done = await rep.post(f"crm/activities/{call['id']}/finish")
    assert done.data["done_at"] is not None


async def test_the_demonstration_is_made_once(house: House) -> None:
    """S2-33: a new tenant has something to look at, in every report."""
    tenant = await house.tenant(apps=("crm",))
    ctx = await system_context(house.platform, tenant.id)
    for _ in range(2):
        await house.platform.engine.fill(ctx, app)
    boss = await house.user(tenant)
    page = await boss.get("crm/deals?page=1&per_page=1")
    assert page.body["meta"]["pagination"]["total"] == 30
    for report in app.reports:
        answer = await boss.get(f"crm/reports/{report.path}")
        assert answer.data["rows"], report.name
