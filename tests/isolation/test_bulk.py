"""Many rows at once reach no further than one."""

from typing import Any

import pytest

from tests.house import Answer, Caller
from tests.isolation.neighbours import OPERATIONS, Neighbours, alike, random_id

pytestmark = pytest.mark.anyio
BULK = [name for name in OPERATIONS if name.endswith(".bulk")]


def deeds(key: str) -> dict[str, Any]:
    """Everything that can be asked for a row by its id, or by a filter for it."""
    found = {"filter": f"id=={key}"}
    return {
        "update": [{"id": key}],
        "delete": [key],
        "restore": [key],
        "purge": [key],
        "delete_where": found,
    }


@pytest.mark.parametrize("name", BULK)
async def test_a_foreign_row_is_no_row(two: Neighbours, name: str) -> None:
    """Promise 1: a run over another's row ends as one over nobody's, and touches it not."""
    operation = two.operations[name]
    foreign, nobodys = two.foreign_row(operation)["id"], random_id()
    before = await two.theirs.fingerprint()
    for verb, theirs in deeds(foreign).items():
        told = [
            await _ended(two, name, {verb: body})
            for body in (theirs, deeds(nobodys)[verb])
        ]
        assert alike(told[0]) == alike(told[1]), verb
    assert await two.theirs.fingerprint() == before


async def _ended(two: Neighbours, name: str, body: Any) -> Answer:
    """The answer, or what became of each row where there is a run."""
    path = f"{two.operations[name].path}?wait=true"
    owner = two.mine.owner
    answer = await owner.post(path, body)
    if answer.status >= 400:
        return answer
    # Nobody watches that: it repeats the ids that were said a moment ago.
    unwatched = Caller(owner.http, owner.host, owner.token)
    rows = await unwatched.get(f"bulk-runs/{answer.data['id']}/rows")
    return Answer(rows.status, rows.body, {})  # its ETag is of the ids, too
