"""The recurring work of a plant is whole, whoever is killed while it is made."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from insula.kernel.database.session import CONTEXT, HOME, Statement
from tests.house import Caller, House
from tests.server.ticking import die_generating, killed

pytestmark = pytest.mark.anyio
LINES = Statement(
    f"WITH {CONTEXT} SELECT (SELECT count(*) FROM {HOME}.maintenance_work_items i"
    f" WHERE i.tenant_id = ctx.tenant_id), (SELECT count(*) FROM {HOME}.audit_log a"
    " WHERE a.tenant_id = ctx.tenant_id AND a.action = 'maintenance.work_orders.create'"
    f"), (SELECT count(*) FROM {HOME}.outbox o WHERE o.tenant_id = ctx.tenant_id"
    " AND o.name = 'maintenance.work_order.created') FROM ctx"
)
YEAR = 366
ROUTINE = {"title": "Oil", "rrule": "FREQ=DAILY", "lead_days": YEAR, "category": "c"}


async def orders(owner: Caller) -> list[dict[str, Any]]:
    """All work orders."""
    path = "/api/v1/maintenance/work-orders?per_page=100&fields=occurrence_on,version"
    found: list[dict[str, Any]] = []
    while path:
        page = (await owner.get(path)).body
        found += page["data"]
        path = page["links"]["next"]
    return found


async def test_a_years_occurrences_are_whole_whoever_is_killed(
    house: House, tmp_path: Path
) -> None:
    """Promise 4: lost = duplicated = 0 under kill -9 before any statement."""
    tenant = await house.tenant()
    owner, cluster = await house.user(tenant), house.platform.cluster
    today = datetime.now(UTC).date()
    items = "maintenance/checklists"
    checklist = (await owner.create(items, name="Round"))["id"]
    item = {"checklist_id": checklist, "label": "Look", "kind": "tick"}
    await owner.create("maintenance/checklist-items", **item)
    routine = {**ROUTINE, "starts_on": str(today), "checklist_id": checklist}
    await owner.create("maintenance/routines", **routine)
    deaths = 0
    for statement in (4, 9, 10, 40):
        deaths += killed(die_generating, cluster, tmp_path, tenant.id, statement)
        assert len(await orders(owner)) in (0, YEAR + 1)
    assert deaths == 3
    days = [it["occurrence_on"] for it in await orders(owner)]
    expected = [str(today + timedelta(days=at)) for at in range(YEAR + 1)]
    assert sorted(days) == expected
    lines = await house.platform.open_session(tenant.home, tenant.id).fetch(LINES)
    assert [tuple(it) for it in lines] == [(YEAR + 1, YEAR + 1, YEAR + 1)]
