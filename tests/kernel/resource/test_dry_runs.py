"""Dry runs: everything is checked and answered as in earnest, and nothing is done."""

from typing import Any

import pytest

from tests.house import Caller
from tests.kernel.resource.conftest import ASSETS, Journal, asset, fresh_tag

pytestmark = pytest.mark.anyio
DRY = "dry_run=true"


async def kept(owner: Caller, journal: Journal) -> tuple[Any, int]:
    """All rows, and how long the journal is."""
    return (await owner.get(f"{ASSETS}?per_page=100")).data, await journal.length()


async def test_a_row_that_is_only_tried_is_not_there(
    owner: Caller, journal: Journal
) -> None:
    """S4-33: the answer is that of the real one, and says that it was none."""
    before, tag = await kept(owner, journal), fresh_tag()
    headers = {"idempotency-key": tag}
    answer = await owner.post(
        f"{ASSETS}?{DRY}", {"name": "Pump", "tag": tag}, headers=headers
    )
    assert (answer.status, answer.data["tag"]) == (200, tag)
    assert answer.body["meta"]["dry_run"] is True
    assert {"location", "etag"}.isdisjoint(answer.headers)
    assert await kept(owner, journal) == before
    real = await owner.post(ASSETS, {"name": "Pump", "tag": tag}, headers=headers)
    assert (real.status, "dry_run" in real.body["meta"]) == (201, False)


async def test_every_kind_of_write_can_be_tried(
    owner: Caller, journal: Journal
) -> None:
    row, gone = await asset(owner), await asset(owner)
    path, match = f"{ASSETS}/{row['id']}", {"if-match": '"1"'}
    await owner.send("DELETE", f"{ASSETS}/{gone['id']}")
    whole = {name: row[name] for name in ("tag", "category", "serial", "custom")}
    whole |= {"name": "X", "location_id": None, "warranty_until": None}
    before = await kept(owner, journal)
    tried = [
        await owner.patch(f"{path}?{DRY}", {"name": "X"}, headers=match),
        await owner.send("PUT", f"{path}?{DRY}", json_body=whole, headers=match),
        await owner.send("DELETE", f"{path}?{DRY}", headers=match),
        await owner.post(f"{ASSETS}/{gone['id']}/restore?{DRY}"),
        await owner.post(f"{path}/take-down?{DRY}", {"reason": "leak"}),
    ]
    assert [it.status for it in tried] == [200] * 5
    assert all(it.body["meta"]["dry_run"] for it in tried)
    assert [it.data and it.data["name"] for it in tried[:2]] == ["X", "X"]
    assert tried[4].data["state"] == "down"
    assert await kept(owner, journal) == before


async def test_what_would_be_refused_is_refused(owner: Caller) -> None:
    """The database is asked as well: uniqueness, references, versions, states."""
    row = await asset(owner)
    path = f"{ASSETS}/{row['id']}"
    taken = await owner.post(f"{ASSETS}?{DRY}", {"name": "P", "tag": row["tag"]})
    assert (taken.status, taken.body["error"]["details"][0]["code"]) == (422, "taken")
    stale = await owner.patch(f"{path}?{DRY}", {"name": "X", "version": 9})
    state = await owner.post(f"{path}/bring-up?{DRY}")
    assert (stale.status, state.code) == (412, "WRONG_STATE")
    assert (await owner.patch(f"{path}?{DRY}", {"name": "X"})).status == 428


async def test_nothing_is_done_where_a_dry_run_is_not_understood(
    owner: Caller,
) -> None:
    """Who asks to be spared must never be taken at half their word."""
    odd = await owner.post(f"{ASSETS}?dry_run=1", {"name": "P", "tag": fresh_tag()})
    assert (odd.status, odd.code) == (400, "INVALID_QUERY")
    none = await owner.post(f"teams?{DRY}", {"name": fresh_tag()})
    assert (none.status, none.code) == (400, "DRY_RUN_NOT_OFFERED")
    said_no = {"name": "P", "tag": fresh_tag()}
    assert (await owner.post(f"{ASSETS}?dry_run=false", said_no)).status == 201
