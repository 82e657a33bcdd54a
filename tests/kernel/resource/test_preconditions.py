"""Optimistic locking: nobody overwrites what they have not read (promise 10)."""

import asyncio
from typing import Any

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.resource.conftest import ASSETS, asset

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_says_what_it_is_based_on(owner: Caller, method: str) -> None:
    row = await asset(owner)
    body: dict[str, Any] = {"name": "X"}
    if method == "PUT":
        names = ("category", "serial", "location_id", "warranty_until")
        body = {**dict.fromkeys(names), "custom": {}, "tag": row["tag"], **body}
    path = f"{ASSETS}/{row['id']}"
    answer = await owner.send(method, path, json_body=body)
    assert (answer.status, answer.code) == (428, "IF_MATCH_REQUIRED")
    stale = {"if-match": '"2"'}
    answer = await owner.send(method, path, json_body=body, headers=stale)
    assert (answer.status, answer.code) == (412, "VERSION_MISMATCH")
    assert (await owner.get(path)).data == row
    match = {"if-match": '"1"'}
    answer = await owner.send(method, path, json_body=body, headers=match)
    assert (answer.status, answer.data["version"]) == (200, 2)


async def test_the_version_in_the_body_is_as_good(owner: Caller) -> None:
    row = await asset(owner)
    path = f"{ASSETS}/{row['id']}"
    assert (await owner.patch(path, {"name": "X", "version": 2})).status == 412
    assert (await owner.patch(path, {"name": "X", "version": 1})).status == 200
    for wrong in (0, -1, "1", 1.5, True, 2**63, 10**30):
        refused = await owner.patch(path, {"name": "X", "version": wrong})
        assert refused.status == 422
        assert list(refused.body["error"]["fields"]) == ["version"]
    assert (await owner.patch(path, {"name": "X", "version": None})).status == 428


async def test_the_header_counts_when_both_are_sent(owner: Caller) -> None:
    row = await asset(owner)
    path, match = f"{ASSETS}/{row['id']}", {"if-match": '"1"'}
    body = {"name": "X", "version": 1}
    assert (await owner.patch(path, body, headers={"if-match": '"2"'})).status == 412
    assert (await owner.patch(path, {**body, "version": 9}, headers=match)).data


@pytest.mark.parametrize(
    "given", ["", "**", "x", '"x"', '"1', '1"', '"1", "2"', '"0"', '"-1"', "W/1", "é"]
)
async def test_a_malformed_precondition_is_refused(owner: Caller, given: str) -> None:
    row = await asset(owner)
    path, match = f"{ASSETS}/{row['id']}", {"if-match": given.encode()}
    answer = await owner.patch(path, {"name": "X"}, headers=match)
    assert (answer.status, answer.code) == (400, "INVALID_IF_MATCH")
    assert (await owner.get(path)).data["version"] == 1


@pytest.mark.parametrize("given", ['"1"', "1", 'W/"1"', ' "1" ', "*", " * "])
async def test_a_tag_that_a_proxy_weakened_still_counts(
    owner: Caller, given: str
) -> None:
    """S4-33; and who says ``*`` wants to write over whatever there is."""
    row = await asset(owner)
    match = {"if-match": given}
    path = f"{ASSETS}/{row['id']}"
    assert (await owner.patch(path, {"name": "X"}, headers=match)).status == 200


async def test_whatever_version_is_still_one_that_is_there(owner: Caller) -> None:
    """RFC 9110, 13.1.1: ``*`` is no licence to write to what does not exist."""
    row, any_version = await asset(owner), {"if-match": "*"}
    path = f"{ASSETS}/{row['id']}"
    assert (await owner.patch(path, {"name": "A"}, headers=any_version)).data
    assert (await owner.send("DELETE", path, headers=any_version)).status == 200
    gone = await owner.patch(path, {"name": "B"}, headers=any_version)
    assert gone.status == 404


async def test_who_lost_is_told_what_they_lost_to(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """S4-33, R38: with the version and the row of now, a client can merge."""
    row = await asset(owner)
    path = f"{ASSETS}/{row['id']}"
    now = (await owner.patch(path, {"name": "New", "version": 1})).data
    for answer in (
        await owner.patch(path, {"name": "Mine", "version": 1}),
        await owner.send("DELETE", path, headers={"if-match": '"1"'}),
        await owner.post(f"{path}/retire", headers={"if-match": '"1"'}),
    ):
        told = answer.body["error"]
        assert (answer.status, told["version"], told["current"]) == (412, 2, now)
    grants = ["maintenance.assets.update"]
    await owner.create("roles", name="blind", title="Blind", grants=grants)
    blind = await house.user(tenant, "blind")
    answer = await blind.patch(path, {"name": "Mine", "version": 1})
    assert (answer.status, "current" in answer.body["error"]) == (412, False)


async def test_a_row_that_is_known_is_not_sent_again(owner: Caller) -> None:
    """S2-135: reading one row with its ETag costs no body until it changes."""
    row = await asset(owner)
    path = f"{ASSETS}/{row['id']}"
    for known in ('"1"', 'W/"1"', '"9", "1"'):
        same = await owner.get(path, headers={"if-none-match": known})
        assert (same.status, same.body, same.headers["etag"]) == (304, "", '"1"')
    await owner.patch(path, {"name": "X", "version": 1})
    changed = await owner.get(path, headers={"if-none-match": '"1"'})
    assert (changed.status, changed.data["version"]) == (200, 2)


async def test_one_of_ten_parallel_changes_wins(owner: Caller) -> None:
    row = await asset(owner)
    path = f"{ASSETS}/{row['id']}"
    answers = await asyncio.gather(
        *(owner.patch(path, {"name": f"N{i}", "version": 1}) for i in range(10))
    )
    assert sorted(it.status for it in answers) == [200] + [412] * 9
    winner = next(it.data for it in answers if it.status == 200)
    assert (await owner.get(path)).data == winner


async def test_throwing_away_heeds_the_version_if_it_is_given(owner: Caller) -> None:
    row = await asset(owner)
    path = f"{ASSETS}/{row['id']}"
    stale, match = {"if-match": '"2"'}, {"if-match": '"1"'}
    assert (await owner.send("DELETE", path, headers=stale)).status == 412
    assert (await owner.send("DELETE", path, headers=match)).status == 200
    assert (await owner.post(f"{path}/restore", headers=match)).status == 412
    assert (await owner.post(f"{path}/restore", headers=stale)).status == 200


async def test_a_precondition_tells_nothing_of_rows_that_are_not_there(
    owner: Caller,
) -> None:
    row = await asset(owner)
    match = {"if-match": '"1"'}
    await owner.send("DELETE", f"{ASSETS}/{row['id']}")
    for version in ('"1"', '"9"'):
        match = {"if-match": version}
        path = f"{ASSETS}/{row['id']}"
        assert (await owner.patch(path, {"name": "X"}, headers=match)).status == 404
