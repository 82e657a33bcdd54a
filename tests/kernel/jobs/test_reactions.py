"""Reactions: apps hear of events, each once, from before they came if they ask for it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Statement
from insula.kernel.events.stored import StoredEvent
from insula.kernel.resource.app import App
from insula.kernel.resource.tasks import Reaction
from insula.kernel.resource.unit import WorkContext
from tests.house import House

pytestmark = pytest.mark.anyio

EVENTS = Statement(
    "SELECT sequence, sent_at FROM home__.outbox WHERE tenant_id = $1::text::uuid"
    " ORDER BY sequence"
)
AGAIN = Statement(
    "UPDATE home__.jobs SET state = 'queued', ended_at = NULL"
    " WHERE tenant_id = $1::text::uuid AND task = 'events.react'"
)


class Ear:
    """What an app heard."""

    def __init__(self) -> None:
        self.heard: list[StoredEvent] = []
        self.broken = False

    async def listen(self, _: WorkContext, event: StoredEvent) -> None:
        """A reaction."""
        self.heard.append(event)
        if self.broken:
            self.broken = False
            raise LookupError("on purpose")


@pytest.fixture
async def ear(house: House) -> AsyncIterator[Ear]:
    """The maintenance app with ears, for the length of a test."""
    made = Ear()
    apps: Any = house.platform.engine.apps
    app: App = apps["maintenance"]
    hears = Reaction("maintenance.asset.created", made.listen, "hear", replay=True)
    apps["maintenance"] = replace(app, reactions=(hears,))
    yield made
    apps["maintenance"] = app


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_every_event_is_heard_once(
    house: House, ear: Ear, isolation: Isolation
) -> None:
    tenant = await house.tenant(isolation)
    owner = await house.user(tenant)
    for name in "abc":
        await owner.create("maintenance/assets", name=name, tag=name)
    await house.work(tenant)
    assert sorted(it.data["name"] for it in ear.heard) == ["a", "b", "c"]
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        rows = await transaction.fetch(EVENTS)
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(row["sent_at"] is not None for row in rows)


async def test_a_reaction_that_is_run_again_has_no_second_effect(
    house: House, ear: Ear
) -> None:
    """Promise 4: the effect and the inbox row commit together."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    await owner.create("maintenance/assets", name="a", tag="a")
    await house.work(tenant)
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        await transaction.fetch(AGAIN)
    assert await house.work(tenant) == 1
    assert len(ear.heard) == 1


async def test_an_app_that_is_not_installed_hears_nothing_until_it_comes(
    house: House, ear: Ear
) -> None:
    """Stored events are replayed into an app that is installed later."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    installations = house.platform.installations
    await owner.create("maintenance/assets", name="a", tag="a")
    await installations.uninstall(tenant.id, "maintenance")
    await house.work(await house.fresh(tenant.id))
    assert ear.heard == []
    apps: Any = house.platform
    before, apps.apps = (
        apps.apps,
        tuple(house.platform.engine.apps[it.name] for it in apps.apps),
    )
    await installations.install(tenant.id, "maintenance")
    apps.apps = before
    tenant = await house.fresh(tenant.id)
    async with house.platform.open_session(
        tenant.home, tenant.id
    ).transaction() as transaction:
        await transaction.fetch(
            Statement(
                "UPDATE home__.jobs SET run_at = created_at"
                " WHERE tenant_id = $1::text::uuid"
            )
        )
    await house.work(tenant)
    assert [it.data["name"] for it in ear.heard] == ["a"]


async def test_planners_are_told_when_an_asset_goes_down(house: House) -> None:
    tenant = await house.tenant()
    owner = await house.user(tenant)
    planner = await house.user(tenant, "maintenance.planner")
    asset = await owner.create("maintenance/assets", name="Press", tag="P1")
    path = f"maintenance/assets/{asset['id']}/take-down"
    assert (await owner.post(path, {"reason": "oil"})).status == 200
    await house.work(tenant)
    (told,) = (await planner.get("notifications")).data
    assert (told["title"], told["body"]) == ("An asset is down", "oil")
    assert (await owner.get("notifications")).data == []
