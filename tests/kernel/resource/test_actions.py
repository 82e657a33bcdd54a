"""Actions: the only way to another state, each wholly done or not at all."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from insula.apps.maintenance.assets import Asset
from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.resource.unit import WorkContext
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.resource.conftest import ASSETS, Journal, asset, fresh_tag

pytestmark = pytest.mark.anyio
LEAKS = {"reason": "Leaks"}


async def test_a_wrong_move_is_refused_in_clear_words(owner: Caller) -> None:
    path = f"{ASSETS}/{(await asset(owner))['id']}"
    up = await owner.post(f"{path}/bring-up")
    assert (up.status, up.code) == (409, "WRONG_STATE")
    words = "It is in_service: it cannot become in_service."
    assert up.body["error"]["message"] == words
    assert (await owner.post(f"{path}/retire")).data["state"] == "retired"
    down = await owner.post(f"{path}/take-down", LEAKS)
    assert down.body["error"]["message"] == "It is retired: it cannot become down."
    assert (await owner.get(path)).data["version"] == 2


async def test_an_action_answers_with_the_row_as_it_is_now(owner: Caller) -> None:
    path = f"{ASSETS}/{(await asset(owner))['id']}"
    answer = await owner.post(f"{path}/take-down", LEAKS)
    assert (answer.headers["etag"], answer.data["state"]) == ('"2"', "down")
    assert (await owner.get(path)).data == answer.data


@pytest.mark.parametrize(
    "body",
    [{}, {"reason": ""}, {"reason": "x" * 256}, {"reason": 1}, {**LEAKS, "x": 1}],
)
async def test_a_command_is_checked_like_any_body(
    owner: Caller, journal: Journal, body: dict[str, Any]
) -> None:
    path = f"{ASSETS}/{(await asset(owner))['id']}"
    before = await journal.length()
    answer = await owner.post(f"{path}/take-down", body)
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
    assert await journal.length() == before


async def test_all_that_an_action_does_is_journaled_once(
    owner: Caller, journal: Journal
) -> None:
    row = await asset(owner)
    await owner.post(f"{ASSETS}/{row['id']}/take-down", LEAKS)
    *_, changed = await journal.audit(row["id"])
    assert changed["changes"] == {"state": ["in_service", "down"]}
    events = [it["name"] for it in await journal.outbox(row["id"])]
    assert sorted(events) == [
        "maintenance.asset.created",
        "maintenance.asset.down",
        "maintenance.asset.updated",
        "maintenance.asset_downtime.created",
    ]


async def test_an_action_that_fails_leaves_nothing(
    house: House, owner: Caller, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 4: neither the row, nor what it added, nor its journal."""
    row = await asset(owner)
    path, before = f"{ASSETS}/{row['id']}", await journal.length()
    flush = WorkContext.flush

    async def failing(work: WorkContext) -> None:
        await flush(work)
        raise LookupError("on purpose")

    with monkeypatch.context() as patched:
        patched.setattr(WorkContext, "flush", failing)
        answer = await owner.post(f"{path}/take-down", LEAKS)
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    assert house.witness.faults.pop().args == ("on purpose",)
    assert (await owner.get(path)).data == row
    downtimes = f"maintenance/asset-downtimes?asset_id={row['id']}"
    assert (await owner.get(downtimes)).data == []
    assert await journal.length() == before


async def test_a_broken_rule_undoes_the_whole_action(
    owner: Caller, journal: Journal
) -> None:
    machine = await asset(owner)
    meter = {"asset_id": machine["id"], "name": "Hours", "unit": "h"}
    made = await owner.create("maintenance/meters", **meter)
    path = f"maintenance/meters/{made['id']}"
    await owner.post(f"{path}/record", {"value": 5})
    before = await journal.length()
    refused = await owner.post(f"{path}/record", {"value": 4})
    assert (refused.status, refused.code) == (409, "maintenance.reading_goes_back")
    assert await journal.length() == before


async def test_an_action_heeds_the_version_if_it_is_given(owner: Caller) -> None:
    path = f"{ASSETS}/{(await asset(owner))['id']}/take-down"
    for match, status in (('"2"', 412), ("x", 400), ('"1"', 200)):
        answer = await owner.post(path, LEAKS, headers={"if-match": match})
        assert answer.status == status


async def test_of_two_equal_moves_at_once_one_happens(
    owner: Caller, journal: Journal
) -> None:
    row = await asset(owner)
    path = f"{ASSETS}/{row['id']}/take-down"
    answers = await asyncio.gather(*(owner.post(path, LEAKS) for _ in range(8)))
    assert sorted(it.status for it in answers) == [200] + [409] * 7
    events = [it["name"] for it in await journal.outbox(row["id"])]
    assert events.count("maintenance.asset.down") == 1


async def test_moves_at_once_follow_one_another(owner: Caller) -> None:
    """No update is lost: every success has a version of its own."""
    path = f"{ASSETS}/{(await asset(owner))['id']}"
    acts = [("take-down", LEAKS), ("bring-up", None)] * 10
    answers = await asyncio.gather(*(owner.post(f"{path}/{a}", b) for a, b in acts))
    done = sorted(it.data["version"] for it in answers if it.status == 200)
    assert done == list(range(2, len(done) + 2))
    assert (await owner.get(path)).data["version"] == done[-1]


async def test_rows_are_locked_in_an_order_in_which_nobody_waits_for_ever(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """D8: forty at once, half of which name the rows the other way round."""
    pair = [UUID((await asset(owner))["id"]) for _ in range(2)]
    platform = house.platform
    session = platform.open_session(tenant.home, tenant.id)
    ctx = Context(Actor(ActorKind.system, None), tenant=tenant, session=session)

    async def rename(ids: list[UUID], name: str) -> None:
        async with session.transaction() as transaction:
            work = WorkContext(ctx, transaction, platform.engine._writers)
            for row in await work.lock_rows(Asset, ids):
                row.name = name
            await work.flush()

    orders = [pair, pair[::-1]] * 20
    await asyncio.gather(*(rename(ids, f"N{at}") for at, ids in enumerate(orders)))
    rows = [(await owner.get(f"{ASSETS}/{key}")).data for key in pair]
    assert {row["version"] for row in rows} == {41}
    assert len({row["name"] for row in rows}) == 1


async def test_an_action_needs_a_permission_of_its_own(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """Promise 3: who may change an asset may not for that retire it."""
    path = f"{ASSETS}/{(await asset(owner, tag=fresh_tag()))['id']}"
    editor = await house.user(tenant, "editor")
    technician = await house.user(tenant, "maintenance.technician")
    refused = await editor.post(f"{path}/retire")
    assert (refused.status, refused.code) == (403, "FORBIDDEN")
    assert (await technician.post(f"{path}/retire")).status == 403
    assert (await technician.post(f"{path}/take-down", LEAKS)).status == 200
    assert (await technician.patch(path, {"name": "X", "version": 2})).status == 403
