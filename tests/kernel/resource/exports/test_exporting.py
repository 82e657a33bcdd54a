"""An export is the list, whole, in one state, and comes back as it went."""

import csv
import io
import json
from typing import Any

import httpx2
import pytest
from openpyxl import load_workbook  # type: ignore[import-untyped]  # no stubs are installed

from insula.kernel.resource.exports import exporting, operation
from tests.house import Caller, House
from tests.kernel.resource.conftest import asset, fresh_tag
from tests.kernel.services.importing.wizard import Wizard, counts

pytestmark = pytest.mark.anyio
EXPORT = "/api/v1/maintenance/assets/export"
NASTY = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "'=quoted", "-5", " trim ")


async def fetch(caller: Caller, query: str, path: str = EXPORT) -> httpx2.Response:
    """An export, its bytes as they are."""
    headers = {"host": caller.host, "authorization": f"Bearer {caller.token}"}
    return await caller.http.get(f"{path}?{query}", headers=headers)


def table(got: httpx2.Response) -> list[dict[str, Any]]:
    """The rows of a CSV."""
    assert got.status_code == 200, got.text
    return list(csv.DictReader(io.StringIO(got.text)))


async def test_it_is_the_list_with_all_its_pages(owner: Caller) -> None:
    category = fresh_tag()
    made = [await asset(owner, category=category) for _ in range(3)]
    await asset(owner)
    query = f"category={category}&sort=name&fields=tag,name&format="
    rows = table(await fetch(owner, query + "csv"))
    assert sorted(rows[0]) == ["id", "name", "tag"]
    assert {it["tag"] for it in rows} == {it["tag"] for it in made}
    lines = (await fetch(owner, query + "jsonl")).text.splitlines()
    listed = (await owner.get(f"maintenance/assets?{query[:-8]}")).data
    assert [json.loads(it) for it in lines] == listed


async def test_more_than_a_page_is_whole_and_in_one_state(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written while it runs is not in it."""
    category = fresh_tag()
    for _ in range(5):
        await asset(owner, category=category)
    monkeypatch.setattr(exporting, "PAGE", "2")
    pages = exporting._rows

    def spy(data: bytes) -> list[dict[str, Any]]:
        seen.append(len(data))
        return pages(data)

    seen: list[int] = []
    monkeypatch.setattr(exporting, "_rows", spy)
    assert len(table(await fetch(owner, f"category={category}"))) == 5
    assert len(seen) == 3


async def test_no_cell_is_a_formula_and_numbers_stay_numbers(owner: Caller) -> None:
    """Pitfall 37."""
    category = fresh_tag()
    for name in NASTY:
        await asset(owner, name=name, category=category)
    rows = table(await fetch(owner, f"category={category}"))
    assert {it["name"][0] for it in rows} == {"'", "-", " "}
    assert "-5" in {it["name"] for it in rows}
    assert {it["version"] for it in rows} == {"1"}
    got = await fetch(owner, f"category={category}&format=xlsx")
    sheet = load_workbook(io.BytesIO(got.content)).worksheets[0]
    cells = [cell for row in sheet.iter_rows(min_row=2) for cell in row]
    assert {it.data_type for it in cells} <= {"s", "n"}
    assert all(it.value == 1 for it in cells if it.data_type == "n" and it.value)


@pytest.mark.parametrize("kind", ["csv", "xlsx", "jsonl"])
async def test_what_was_exported_and_is_imported_again_changes_nothing(
    house: House, owner: Caller, kind: str
) -> None:
    category = fresh_tag()
    more = {"custom": {"a": [1, "=x"]}, "warranty_until": "2030-01-31"}
    for name in NASTY:
        await asset(owner, name=name, category=category, **more)
    got = await fetch(owner, f"category={category}&format={kind}")
    tenant = await house.platform.directory.at_host(owner.host)
    wizard = Wizard(house, tenant, owner)
    run = await wizard.load(got.content, match="id")
    assert await wizard.rows(run) == []
    assert counts(run) == (0, 0, len(NASTY), 0)


async def test_what_is_hidden_or_out_of_reach_is_not_exported(
    house: House, owner: Caller
) -> None:
    tenant = await house.platform.directory.at_host(owner.host)
    nobody = await house.user(tenant, "customer")
    assert (await fetch(nobody, "")).status_code == 403
    for query in ("format=pdf", "filter=name==x", "fields=nothing", "bom=1"):
        refused = await fetch(owner, query)
        assert (refused.status_code, refused.json()["error"]["code"]) == (
            400,
            "INVALID_QUERY",
        )


async def test_a_list_too_long_for_one_answer_is_made_by_a_job(
    house: House, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await house.platform.directory.at_host(owner.host)
    category = fresh_tag()
    for _ in range(3):
        await asset(owner, category=category)
    monkeypatch.setattr(operation, "ONE_GO", 2)
    monkeypatch.setattr(exporting, "ONE_GO", 2)
    refused = await fetch(owner, f"category={category}")
    assert refused.json()["error"]["code"] == "EXPORT_TOO_LARGE"
    query = f"category={category}&sort=name"
    asked = {"resource": "maintenance.assets", "query": query, "bom": True}
    export = (await owner.post("exports", asked)).data
    early = await owner.post(f"exports/{export['id']}/link")
    assert (early.status, early.code) == (409, "EXPORT_NOT_READY")
    await house.work(tenant)
    done = (await owner.get(f"exports/{export['id']}")).data
    assert (done["state"], done["rows"]) == ("done", 3)
    link = (await owner.post(f"exports/{export['id']}/link")).data
    got = await house.caller(owner.host).http.get(
        link["url"], headers={"host": owner.host}
    )
    assert got.content.startswith(b"\xef\xbb\xbf")
    assert len(got.text.splitlines()) == 4
    told = (await owner.get("notifications")).data
    assert "exports.done" in {it["kind"] for it in told}
    await owner.post(f"exports/{export['id']}/cancel")
    gone = await owner.http.get(link["url"], headers={"host": owner.host})
    assert gone.status_code == 404


async def test_an_export_of_a_query_that_is_wrong_says_so(
    house: House, owner: Caller
) -> None:
    tenant = await house.platform.directory.at_host(owner.host)
    asked = {"resource": "maintenance.assets", "query": "filter=nothing==1"}
    export = (await owner.post("exports", asked)).data
    await house.work(tenant)
    found = (await owner.get(f"exports/{export['id']}")).data
    assert found["state"] == "failed"
    assert "INVALID_QUERY" in found["error"]
    other = await house.user(tenant)
    assert (await other.get(f"exports/{export['id']}")).status == 404
    unknown = await owner.post("exports", {"resource": "maintenance.nothing"})
    assert (unknown.status, unknown.code) == (409, "EXPORT_RESOURCE_GONE")
