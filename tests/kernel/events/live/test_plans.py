"""What listeners and inboxes ask is answered from an index, behind the policy (D2b)."""

from typing import Any

import msgspec
import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Statement
from insula.kernel.events.live.reading import AFTER, SPAN
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.services.notifications.statements import PAGE, UNREAD
from tests.house import House

pytestmark = pytest.mark.anyio
ROWS, FEW = 3_000, 150
EVENTS = Statement(
    "INSERT INTO home__.outbox (tenant_id, id, created_at, name, payload, sent_at,"
    " sequence) SELECT $1::text::uuid, gen_random_uuid(), $2::timestamptz, 'a.b.c',"
    " '{}', $2, at FROM generate_series(1, $3::bigint) AS at"
)
TOLD = Statement(
    "INSERT INTO home__.notifications (tenant_id, id, version, created_at, updated_at,"
    " user_id, kind, title, body, in_app, digest_due, read_at) SELECT $1::text::uuid,"
    " gen_random_uuid(), 1, $2::timestamptz, $2, $4::uuid, 'a.b', 't', '', true, false,"
    " CASE WHEN at > 20 THEN $2 END FROM generate_series(1, $3::bigint) AS at"
)
GENERIC = Statement("SELECT set_config('plan_cache_mode', $2, true), $1::text")


def read(plan: Any) -> int:
    """The rows that were read from tables, whatever became of them."""
    own = plan.get("Actual Rows", 0) + plan.get("Rows Removed by Filter", 0)
    mine = own * plan["Actual Loops"] if "Relation Name" in plan else 0
    return int(mine) + sum(map(read, plan.get("Plans", ())))


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_few_rows_are_read_for_few(house: House, mode: str) -> None:
    # A home of its own: plans depend on what else is in the tables.
    tenant = await house.tenant(Isolation.schema)
    user = (await house.user(tenant)).actor_id
    other = (await house.user(tenant)).actor_id
    asked: list[tuple[Statement, tuple[object, ...]]] = [
        (AFTER, (ROWS - 50, 100)),
        (AFTER, (10, 100)),
        (SPAN, ()),
        (PAGE, (user, None, None, 20)),
        (PAGE, (user, uuid7(), None, 20)),
        (UNREAD, (user,)),
    ]
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        await transaction.fetch(EVENTS, now(), ROWS)
        for person in (user, other):
            await transaction.fetch(TOLD, now(), ROWS, person)
    cluster = house.platform.cluster
    async with opened(cluster.owner(cluster.pool)) as owner:
        tables = (f"{tenant.home.schema}.{it}" for it in ("outbox", "notifications"))
        await owner.execute(f"ANALYZE {', '.join(tables)}")
    async with session.transaction() as transaction:
        await transaction.fetch(GENERIC, mode)
        for statement, args in asked:
            explain = Statement(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}")
            [row] = await transaction.fetch(explain, *args)
            plan = msgspec.json.decode(row[0])[0]["Plan"]
            assert read(plan) <= FEW, (statement.text, plan)
