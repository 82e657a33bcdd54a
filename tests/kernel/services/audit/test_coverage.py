"""Every operation that changes a row says so in the log; the registry says which there are.

An operation that is declared tomorrow is among them.
"""

from typing import Any
from uuid import UUID

import pytest

from insula.kernel.access.operation import Operation
from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Statement
from insula.kernel.database.walls import TENANT_METADATA
from tests.house import Answer, House
from tests.isolation.neighbours import (
    APIS,
    OPERATIONS,
    SIGNING_IN,
    Neighbours,
    neighbours_of,
    subject,
)

pytestmark = pytest.mark.anyio
WRITING = [n for n, it in OPERATIONS.items() if it.writes and n not in SIGNING_IN]
OF_THE_KERNEL = {"audit_log", "audit_chain", "outbox", "jobs"}
"""What is written with every change, or because of one, and is no change itself."""
FOLLOWING = {"crm_deal_stage_spans", "people_handles"}
"""Rows that are kept in step with others, whose entries tell of them (``quiet.py``)."""
WRITTEN_ONCE = {"people_consents"}
"""Rows that people add, and nobody changes."""
TABLES = sorted(
    name
    for name, table in TENANT_METADATA.tables.items()
    if name not in OF_THE_KERNEL
    and ("version" in table.columns or name in WRITTEN_ONCE)
)
HANGING = (".tag", ".set_tags", ".untag")
"""What hangs something on a row: the entry names the row, which itself stays as it is."""
ROWS = Statement(
    " UNION ALL ".join(
        f"SELECT c.id, md5(c::text), {name in FOLLOWING}"
        f" FROM home__.{name} c WHERE c.tenant_id = $1::uuid"
        for name in TABLES
    )
)
LOGGED = Statement(
    "SELECT resource_id, action FROM home__.audit_log"
    " WHERE tenant_id = $1::text::uuid AND request_id = $2"
)


@pytest.fixture(scope="module")
async def settled(the_house: House) -> Neighbours:
    return await neighbours_of(the_house, Isolation.shared)


@pytest.fixture
def two(house: House, settled: Neighbours) -> Neighbours:
    return settled


async def rows(two: Neighbours) -> dict[UUID, tuple[str, bool]]:
    """All rows of ours that people change, what they are like, and which only follow."""
    async with two.mine.session.transaction() as transaction:
        return {row[0]: (row[1], row[2]) for row in await transaction.fetch(ROWS)}


async def logged(two: Neighbours, answer: Answer) -> list[tuple[UUID | None, str]]:
    """What a request has left in the log."""
    request = answer.headers["x-request-id"]
    async with two.mine.session.transaction() as transaction:
        return [tuple(it) for it in await transaction.fetch(LOGGED, request)]


async def asked(two: Neighbours, operation: Operation) -> dict[str, Any]:
    """A request that the operation should be able to grant."""
    if operation.raw_body is not None:
        content = b"name\nPump\n"
        return {"content": content, "headers": {"content-type": operation.raw_body}}
    if "{id}" not in operation.path:
        if operation.body is None:
            return {}
        if operation.name.endswith(".bulk"):
            return {"json_body": await two.body(operation)}
        api = APIS.get(subject(operation.name))
        keys = None if api is None else (await two.mine.samples.made(api))[1]
        body = await two.mine.samples.body(operation.body, api, keys)
        return {"json_body": body}
    own = await two.own_row(operation)
    version = '"1"'
    if operation.name.endswith(".restore"):
        await two.ask(two.operations[f"{operation.name[:-8]}.delete"], own["id"])
        version = '"2"'
    of_one = await two.body(operation, own)
    if is_comment(operation) and of_one is not None:
        of_one.pop("parent_id")  # which would be an answer to a comment on another row
    return {"key": own["id"], "json_body": of_one, "headers": {"if-match": version}}


def is_comment(operation: Operation) -> bool:
    """Whether it says something about a row."""
    return operation.name.endswith(".comment")


@pytest.mark.parametrize("name", WRITING)
async def test_a_change_is_in_the_log_and_a_refusal_is_not(
    two: Neighbours, name: str
) -> None:
    """Promise 13: one entry for each row that a request has made or changed."""
    operation = two.operations[name]
    request = await asked(two, operation)
    before = await rows(two)
    answer = await two.ask(operation, request.pop("key", ""), **request)
    after, entries = await rows(two), await logged(two, answer)
    apart = two.mine.tenant.id  # what is kept of a tenant is in the control database
    named = [row for row, _ in entries if row not in (None, apart)]
    touched = {
        row
        for row, (content, follows) in after.items()
        if before.get(row) != (content, follows) and not (follows and row not in named)
    }
    if name.endswith(HANGING):
        assert bool(named) == (answer.status < 400)
    elif len(entries) == len(named):  # else one entry tells of many rows at once
        assert touched == set(named)
        assert len(named) == len(touched)
    assert len(entries) - len(named) <= 1
    assert answer.status < 400 or not touched


async def test_most_operations_are_granted(two: Neighbours) -> None:
    """Otherwise the test above could pass because nothing is ever changed."""
    granted = 0
    for name in WRITING:
        operation = two.operations[name]
        request = await asked(two, operation)
        answer = await two.ask(operation, request.pop("key", ""), **request)
        granted += answer.status < 400
    assert granted >= len(WRITING) * 3 / 4
