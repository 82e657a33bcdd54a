"""Undoing: for thirty days a run can be put back, but for what changed since."""

from datetime import UTC, datetime, timedelta

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.session import Statement
from insula.kernel.services.bulk.runs import prune
from tests.kernel.services.bulk.conftest import Desk
from tests.kernel.services.bulk.test_runs import journal_of

pytestmark = pytest.mark.anyio
AGE = Statement(
    "UPDATE home__.bulk_runs SET undo_until = undo_until - interval '31 days',"
    " ended_at = ended_at - interval '31 days'"
    " WHERE tenant_id = $1::text::uuid AND id = $2::text::uuid"
)


async def test_changed_rows_get_their_old_values_back(desk: Desk) -> None:
    """Unless somebody changed them since: that is told, row by row."""
    rows = await desk.assets(3, category="a", custom={"color": "red"})
    new = {"category": None, "custom": {"n": 1}, "warranty_until": "2031-01-01"}
    run = await desk.run({"update": [{"id": it["id"], **new} for it in rows]})
    later = {"name": "Later", "version": 2}
    await desk.caller.patch(f"maintenance/assets/{rows[1]['id']}", later)
    back = await desk.undo(run)
    assert (back["undoes"], back["total"], back["verb"]) == (run["id"], 3, "update")
    assert (back["state"], back["done"], back["failed"]) == ("done", 2, 1)
    (failed,) = await desk.rows(back, "?failed=true")
    assert (failed["row"], failed["errors"][0]["code"]) == (1, "VERSION_MISMATCH")
    for row in (rows[0], rows[2]):
        changed = {"version": 3, "updated_at": (await desk.asset(row))["updated_at"]}
        assert await desk.asset(row) == row | changed
        audit = (await journal_of(desk).audit(row["id"]))[-1]["changes"]
        assert audit["category"] == [None, "a"]


async def test_made_rows_are_thrown_away_and_thrown_away_ones_come_back(
    desk: Desk,
) -> None:
    rows = await desk.assets(2)
    ids = [it["id"] for it in rows]
    gone = await desk.run({"delete": ids})
    assert gone["undo_until"][:10] == str((datetime.now(UTC) + timedelta(30)).date())
    await desk.undo(gone)
    assert [(await desk.asset(it))["version"] for it in rows] == [3, 3]
    made = await desk.run({"create": [{"name": "A", "tag": f"undo-{ids[0]}"}]})
    (row,) = await desk.rows(made)
    back = await desk.undo(made)
    assert (back["verb"], back["done"]) == ("delete", 1)
    assert (await desk.caller.get(f"maintenance/assets/{row['id']}")).status == 404
    await desk.undo(back)
    assert (await desk.asset(row))["version"] == 3


async def test_a_run_is_undone_once_and_in_its_time(desk: Desk) -> None:
    (row,) = await desk.assets(1)
    asked = (await desk.ask({"delete": [row["id"]]})).data
    path = f"bulk-runs/{asked['id']}"
    assert (await desk.caller.post(f"{path}/undo")).code == "BULK_NOT_ENDED"
    await desk.house.work(desk.tenant)
    await desk.undo(asked)
    assert (await desk.caller.post(f"{path}/undo")).code == "BULK_UNDONE_ALREADY"
    retired = await desk.run({"action": "retire", "ids": [row["id"]]})
    refused = await desk.caller.post(f"bulk-runs/{retired['id']}/undo")
    assert (refused.status, refused.code) == (409, "BULK_NOT_UNDONE")


async def test_what_is_too_old_is_not_undone_and_then_forgotten(desk: Desk) -> None:
    (row,) = await desk.assets(1)
    run = await desk.run({"delete": [row["id"]]})
    platform = desk.house.platform
    session = platform.open_session(desk.tenant.home, desk.tenant.id)
    async with session.transaction() as transaction:
        await transaction.fetch(AGE, run["id"])
    late = await desk.caller.post(f"bulk-runs/{run['id']}/undo")
    assert late.code == "BULK_NOT_UNDONE"
    system = Actor(ActorKind.system, None, tenant=desk.tenant.id, grants=("*",))
    ctx = Context(system, tenant=desk.tenant, session=session)
    async with platform.engine.work(ctx) as work:
        await prune(work)
    assert (await desk.caller.get(f"bulk-runs/{run['id']}")).status == 404
