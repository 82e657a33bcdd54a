"""The dashboard counts, keeps its answer, and forgets it when a row changes."""

import pytest

from insula.apps.maintenance.manifest import app
from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.resource.engine import Engine
from tests.apps.maintenance.plant import Plant


async def test_it_counts_what_there_is(plant: Plant) -> None:
    """S1-63."""
    asset = await plant.asset()
    await plant.asset(tag="P-2")
    await plant.routine(asset_id=asset)
    await plant.routine(active=False)
    order = await plant.make("work_orders", title="Repair")
    await plant.make("work_orders", title="Repair more")
    await plant.ask("work_orders.cancel", order["id"])
    board = await plant.ask("dashboard.read")
    board.pop("recent_activities")
    assert board == {"assets": 2, "active_routines": 1, "pending_executions": 1}


async def test_it_shows_the_last_ten_activities(plant: Plant) -> None:
    """S1-69."""
    assets = [await plant.asset(tag=f"P-{number}") for number in range(11)]
    await plant.ask("assets.take_down", assets[0], reason="Leaks")
    feed = (await plant.ask("dashboard.read"))["recent_activities"]
    assert len(feed) == 10
    assert [it["action"].rsplit(".", 1)[1] for it in feed[:3]] == [
        "update",
        "create",
        "create",
    ]
    assert {it["resource"] for it in feed[1:]} >= {"maintenance.asset"}
    assert {it["actor_id"] for it in feed} == {str(plant.ctx.actor.id)}


async def test_it_is_kept_for_300_seconds_under_the_tenants_key(plant: Plant) -> None:
    """S1-62."""
    (view,) = app.views
    assert view.cached is not None
    assert view.cached.total_seconds() == 300
    tenant_id = plant.ctx.tenant.id
    assert plant.cache.of(tenant_id).peek(f"dashboard:{tenant_id}") is None
    await plant.ask("dashboard.read")
    assert plant.cache.of(tenant_id).peek(f"dashboard:{tenant_id}") is not None


async def test_a_change_shows_at_once(plant: Plant) -> None:
    await plant.ask("dashboard.read")
    await plant.asset()
    assert (await plant.ask("dashboard.read"))["assets"] == 1


async def test_a_new_tenant_can_be_filled_with_demonstration_data(plant: Plant) -> None:
    for _ in range(2):  # the second time, there is nothing to do
        await plant.engine.fill(plant.ctx, app)
    board = await plant.ask("dashboard.read")
    assert (board["assets"], board["active_routines"]) == (40, 40)
    assert len(await plant.every("assets", state="down")) == 3
    states = {row["state"] for row in await plant.every("work_orders", per_page="100")}
    assert len(states) == 7
    assert await plant.every("work_items")
    assert await plant.every("meters")


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("manager", "assets.delete", None),
        ("planner", "routines.create", "assets.delete"),
        ("technician", "work_items.answer", "work_orders.cancel"),
        ("requester", "work_orders.create", "routines.read"),
    ],
)
def test_roles_may_what_their_work_needs(
    plant: Plant, role: str, may: str, may_not: str | None
) -> None:
    engine: Engine = plant.engine
    grants = engine.roles.grants([f"maintenance.{role}"])
    actor = Actor(ActorKind.user, None, grants=grants)
    assert actor.may(f"maintenance.{may}")
    assert may_not is None or not actor.may(f"maintenance.{may_not}")


def test_every_grant_is_about_an_operation_that_exists(plant: Plant) -> None:
    permissions = {it.permission or "" for it in plant.engine.operations()}
    for role, grants in app.role_grants().items():
        for grant in grants:
            actor = Actor(ActorKind.user, None, grants=[grant])
            assert any(actor.may(it) for it in permissions), (role, grant)
