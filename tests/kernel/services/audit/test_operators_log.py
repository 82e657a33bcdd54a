"""Operators read what operators did, with filters, on their host alone."""

from datetime import timedelta
from uuid import uuid4

import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
PASSWORD = "a-good-long-passphrase"
LOG = "audit-logs"
FILL = """
INSERT INTO control.audit_logs (id, tenant_id, admin_id, action, changes, created_at)
SELECT (lpad(to_hex((1577836800000 + n * 3600000::bigint)), 12, '0')
        || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
       gen_random_uuid(), gen_random_uuid(), 'filled.' || n % 500, '{}',
       timestamptz '2020-01-01Z' + n * interval '1 hour'
  FROM generate_series(1, 20000) n
"""
ASKED = {
    "tenant_id": "tenant_id = $1::uuid",
    "admin_id": "admin_id = $1::uuid",
    "action": "action = $1::varchar",
}


async def signed_in(house: House, *permissions: str) -> Caller:
    """A new operator with these permissions."""
    caller = await house.operator(*permissions)
    caller.headers["user-agent"] = "Lynx/2.9"
    return caller


@pytest.fixture
async def operator(house: House) -> Caller:
    """An operator who may do everything."""
    return await signed_in(house, "*")


async def logged(house: House, count: int, **fields: object) -> list[str]:
    """So many rows in the log."""
    ids = [uuid7() for _ in range(count)]
    names = ", ".join(("id", *fields))
    values = ", ".join(f"${place}" for place in range(1, len(fields) + 2))
    for row_id in ids:
        await house.platform.control.fetch(
            f"INSERT INTO control.audit_logs ({names}, changes) VALUES ({values}, '{{}}')",
            row_id,
            *fields.values(),
        )
    return [str(it) for it in ids]


async def test_every_request_of_an_operator_can_be_read_again(
    house: House, operator: Caller
) -> None:
    """S1-29, S1-95: also the one that reads, and where it came from (S1-11)."""
    listed = (await operator.get(f"{LOG}?admin_id={operator.actor_id}")).data
    assert [it["action"] for it in listed[:2]] == ["audit_logs.list", "auth.login"]
    reading, login = listed[:2]
    assert reading["user_agent"] == "Lynx/2.9"
    assert login["ip_address"]
    assert (await operator.get(f"{LOG}/{reading['id']}")).data == reading
    assert (await operator.get(f"{LOG}/{uuid7()}")).status == 404


async def test_the_log_is_filtered_and_paged(house: House, operator: Caller) -> None:
    """S1-95."""
    tenant, action = uuid7(), f"test.{uuid4().hex[:8]}"
    ids = await logged(house, 5, tenant_id=tenant, action=action)
    await logged(house, 2, tenant_id=uuid7(), action=action)
    query = f"{LOG}?tenant_id={tenant}&action={action}&per_page=2"
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await operator.get(f"{query}{cursor and f'&cursor={cursor}'}")
        seen += [it["id"] for it in answer.data]
        cursor = answer.body["meta"]["pagination"]["next_cursor"]
    assert seen == ids[::-1]
    assert len((await operator.get(f"{LOG}?action={action}")).data) == 7


async def test_the_log_is_bounded_in_time(house: House, operator: Caller) -> None:
    action, moment = f"test.{uuid4().hex[:8]}", now()
    await logged(house, 3, action=action)
    hour = timedelta(hours=1)
    counts = []
    for name, at in (("since", moment - hour), ("since", moment + hour),
                     ("until", moment - hour), ("until", moment + hour)):  # fmt: skip
        text = at.isoformat().replace("+", "%2B")
        answer = await operator.get(f"{LOG}?action={action}&{name}={text}")
        counts.append(len(answer.data))
    assert counts == [3, 0, 0, 3]


@pytest.mark.parametrize(
    "query",
    ["tenant_id=x", "since=yesterday", "nonsense=1", "cursor=x", "per_page=0"],
)
async def test_a_query_that_makes_no_sense_is_refused(
    operator: Caller, query: str
) -> None:
    answer = await operator.get(f"{LOG}?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")


async def test_without_the_permission_the_log_stays_shut(house: House) -> None:
    clerk = await signed_in(house, "tenants.read")
    assert (await clerk.get(LOG)).code == "FORBIDDEN"
    auditor = await signed_in(house, "audit_logs.read")
    assert (await auditor.get(LOG)).status == 200


@pytest.mark.parametrize("name", ASKED)
async def test_each_filter_is_answered_from_an_index(house: House, name: str) -> None:
    """S1-16: however long the log has become."""
    cluster = house.platform.cluster
    async with opened(cluster.owner(cluster.control)) as owner:
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute(FILL)
        await owner.execute("ANALYZE control.audit_logs")
        value = await owner.fetchval(
            f"SELECT {name} FROM control.audit_logs WHERE starts_with(action, 'filled.')"
            " LIMIT 1"
        )
        plan = await owner.fetch(
            f"EXPLAIN SELECT * FROM control.audit_logs WHERE {ASKED[name]}"
            " ORDER BY id DESC LIMIT 16",
            value,
        )
        await transaction.rollback()
    told = "\n".join(row[0] for row in plan)
    assert "Seq Scan" not in told, told
    assert f"idx_audit_logs_{name.removesuffix('_id')}" in told, told
