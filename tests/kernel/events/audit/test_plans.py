"""Whatever entries are looked for by, an index finds them, behind the policy (D2b)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from insula.kernel.database.bootstrap import opened, use_of
from insula.kernel.database.cluster import EXTENSIONS, Cluster
from insula.kernel.database.pool import Connection
from insula.kernel.database.schema import ddl
from insula.kernel.database.session import CONTEXT
from insula.kernel.database.walls import TENANT_METADATA
from insula.kernel.events.audit.partitions import roll_partitions
from insula.kernel.events.journal import SOUGHT
from insula.kernel.foundation.ids import uuid7

pytestmark = pytest.mark.anyio
SCHEMA, MINE, PAGE = "sought", uuid7(), 15
BEGIN = datetime(2024, 1, 15, tzinfo=UTC)
FILL = f"""
INSERT INTO {SCHEMA}.audit_log (tenant_id, id, created_at, action, resource,
       resource_id, actor_kind, actor_id, request_id, changes)
SELECT CASE WHEN n % 10 = 0 THEN $1 ELSE md5((n % 10)::text)::uuid END,
       (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
        || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
       at, 'a' || rare, 'r' || rare, md5(rare::text)::uuid, 'k' || rare,
       md5(rare::text)::uuid, 'req' || rare, '{{}}'
  FROM generate_series(0, 29999) n,
       LATERAL (SELECT $2::timestamptz + n * interval '5 minutes' AS at,
                       CASE WHEN n % 1000 = 0 THEN n / 1000 ELSE 0 END AS rare) v
"""
CASTS = {"created_at": "timestamptz", "actor_id": "uuid", "resource_id": "uuid"}
RARE = {
    "action": "a7",
    "resource": "r7",
    "resource_id": UUID("8f14e45f-ceea-167a-5a36-dedd4bea2543"),
    "actor_kind": "k7",
    "actor_id": UUID("8f14e45f-ceea-167a-5a36-dedd4bea2543"),
    "request_id": "req7",
    "created_at": BEGIN + timedelta(minutes=5) * 7_000,
}
"""One entry of ours in three thousand."""


@pytest.fixture(scope="module")
async def app(cluster: Cluster) -> AsyncIterator[Connection]:
    """The app role beside a log of some months and ten tenants."""
    async with opened(cluster.owner(cluster.pool)) as owner:
        await owner.execute(
            f"CREATE SCHEMA {SCHEMA}; {use_of(SCHEMA, cluster.roles)};"
            f" SET search_path = {SCHEMA}, {EXTENSIONS};"
            + ddl(cluster.roles, [TENANT_METADATA.tables["audit_log"]])
        )
        await roll_partitions(owner, SCHEMA, BEGIN)
    async with opened(replace(cluster.admin, database=cluster.pool)) as superuser:
        await superuser.execute(FILL, MINE, BEGIN)
        await superuser.execute(f"ANALYZE {SCHEMA}.audit_log")
        async with opened(cluster.app(cluster.pool)) as connection:
            yield connection
        await superuser.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


async def read(app: Connection, key: str, sign: str) -> tuple[int, str]:
    """How many of our entries were looked at for a page, and in which way."""
    text = (
        f"WITH {CONTEXT} SELECT r.id FROM ctx CROSS JOIN LATERAL ("
        f" SELECT c.id FROM {SCHEMA}.audit_log c WHERE c.tenant_id = ctx.tenant_id"
        f" AND c.{key} {sign} $2::{CASTS.get(key, 'varchar')}"
        f" ORDER BY c.id DESC LIMIT {PAGE + 1}) r"
    )
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {text}"
    (row,) = await app.fetch(explain, str(MINE), RARE[key])
    plan = msgspec.json.decode(row[0])[0]["Plan"]
    scans = [it for it in nodes(plan) if it.get("Relation Name")]
    looked_at = sum(
        it["Actual Rows"] + it.get("Rows Removed by Filter", 0) for it in scans
    )
    return looked_at, str([it["Node Type"] for it in scans])


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """All nodes of a plan."""
    return [plan, *(it for part in plan.get("Plans", ()) for it in nodes(part))]


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("key", SOUGHT)
async def test_a_rare_value_is_found_in_every_month_without_reading_them(
    app: Connection, key: str, mode: str
) -> None:
    """The tenant has three thousand entries in four partitions."""
    await app.execute(f"SET plan_cache_mode = {mode}")
    looked_at, how = await read(app, key, "=")
    assert looked_at <= PAGE * 5, how
    assert "Seq Scan" not in how
