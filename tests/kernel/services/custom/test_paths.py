"""Wherever rows are written or read, their custom fields come along."""

import csv
import io
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from insula.apps.people.companies import Company
from insula.kernel.database.session import Session
from insula.kernel.tenancy.tenant import Tenant
from insula.server.scheduler import system_context
from tests.house import Caller, House
from tests.kernel.services.custom.conftest import (
    COMPANIES,
    add,
    company,
    found,
)

pytestmark = pytest.mark.anyio
FILE = """name,Größe,colour,custom.since,custom.tastes,price
Ada,"1,234",RED,2026-01-02,"sweet, sour",2.5
Bob,many,blue,someday,sweet,x
Cy,,,,,
"""


async def raw(owner: Caller, method: str, path: str, content: str = "") -> Any:
    """A request whose body is a file, or whose answer is one."""
    headers = {"host": owner.host, "authorization": f"Bearer {owner.token}"}
    if content:
        headers["content-type"] = "text/csv"
    url = f"/api/v1/{path}"
    got: httpx2.Response = await owner.http.request(
        method, url, headers=headers, content=content.encode()
    )
    assert got.status_code < 300, got.text
    return got


async def test_files_carry_custom_fields_both_ways(owner: Caller) -> None:
    """K13: columns are known by key and label, and what an export says comes back."""
    report = (await raw(owner, "POST", f"{COMPANIES}/import", FILE)).json()["data"]
    assert (report["created"], report["failed"]) == (2, 1)
    faults = {(it["field"], it["code"]) for it in report["errors"]}
    assert {it[0] for it in faults} >= {"custom.size", "custom.colour", "custom.since"}
    (ada,) = await found(owner, "filter=custom.size==1234;custom.since==2026-01-02")
    row = (await owner.get(f"{COMPANIES}/{ada}")).data
    assert row["custom"]["tastes"] == ["sweet", "sour"]
    assert row["custom"]["colour"] == "red"
    told = await raw(owner, "GET", f"{COMPANIES}/export?custom.size=1234")
    (line,) = csv.DictReader(io.StringIO(told.text))
    assert (line["custom.size"], line["custom.tastes"]) == ("1234", "sweet, sour")
    changed = f"id,custom.size\n{ada},5\n"
    said = quote('{"match":"id","mode":"update"}')
    path = f"{COMPANIES}/import?mapping={said}"
    report = (await raw(owner, "POST", path, changed)).json()["data"]
    assert report["updated"] == 1, report
    assert await found(owner, "custom.size=5") == [ada]
    row = (await owner.get(f"{COMPANIES}/{ada}")).data
    assert (row["custom"]["size"], row["custom"]["colour"]) == (5, "red")


async def test_bulk_writes_are_selected_checked_and_undone(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    made = await company(owner, size=71, nick="a")
    body = {
        "update_where": {
            "filter": "custom.size==71",
            "set": {"custom": {"size": 72, "vip": True}},
        }
    }
    run = (await owner.post(f"{COMPANIES}/bulk", body)).data
    await house.work(tenant)
    assert await found(owner, "custom.size=72") == [made["id"]]
    await owner.post(f"bulk-runs/{run['id']}/undo")
    await house.work(tenant)
    row = (await owner.get(f"{COMPANIES}/{made['id']}")).data
    assert row["custom"] == {"size": 71, "nick": "a"}
    wrong = {"update_where": {"filter": "custom.wings==71", "set": {"name": "x"}}}
    assert (await owner.post(f"{COMPANIES}/bulk", wrong)).status == 400


async def test_what_apps_write_is_found_too(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """An action replaces the values of a row; the keys follow."""
    ctx = await system_context(house.platform, tenant.id)
    async with house.platform.engine.work(ctx) as work:
        row = await work.add(Company(name="Made", custom={"size": 81, "nick": "n"}))
    assert await found(owner, "custom.size=81") == [str(row.id)]
    async with house.platform.engine.work(ctx) as work:
        again = await work.lock(Company, row.id)
        again.custom = {"size": 82}
    assert await found(owner, "custom.size=82") == [str(row.id)]
    assert (await owner.get(f"{COMPANIES}/{row.id}")).data["custom"] == {"size": 82}


async def test_a_merge_fills_what_the_survivor_lacks(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """Member by member, and the keys follow."""
    said = {"resource": "people.contacts", "kind": "text", "filterable": True}
    for key in ("nick", "team"):
        await owner.create("custom-fields", key=key, label=key, **said)
    await house.work(tenant)
    contacts = "people/contacts"
    one = await owner.create(contacts, name="Ada One", custom={"team": "a"})
    other = await owner.create(contacts, name="Ada", custom={"team": "b", "nick": "n"})
    merged = await owner.post(f"{contacts}/{one['id']}/merge", {"from": other["id"]})
    assert merged.status < 300, merged.body
    row = (await owner.get(f"{contacts}/{one['id']}")).data
    assert row["custom"] == {"team": "a", "nick": "n"}
    for query in ("custom.nick=n", "custom.team=a"):
        rows = (await owner.get(f"{contacts}?{query}")).data
        assert [it["id"] for it in rows] == [one["id"]]


async def test_whoever_may_not_see_them_cannot_ask_for_them(
    owner: Caller, house: House, tenant: Tenant
) -> None:
    """PITFALLS 24: neither shown, filtered, sorted nor written."""
    made = await company(owner, size=91)
    body = {
        "name": "blinkered",
        "title": "Blinkered",
        "grants": ["people.companies.*"],
        "masks": {"people.companies": {"hide": ["custom"]}},
    }
    await owner.create("roles", **body)
    user = await house.user(tenant, "blinkered")
    assert "custom" not in (await user.get(f"{COMPANIES}/{made['id']}")).data
    for query in ("custom.size=91", "filter=custom.size==91", "sort=custom.size"):
        assert (await user.get(f"{COMPANIES}?{query}")).status == 400
    match = {"if-match": "*"}
    changed = {"custom": {"size": 1}}
    refused = await user.patch(f"{COMPANIES}/{made['id']}", changed, headers=match)
    assert refused.status == 422
    told = (await user.get("meta/people.companies")).data["fields"]
    assert not [it for it in told if it["name"].startswith("custom")]


async def test_a_list_is_one_statement(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K13: also with a filter and a sort by custom fields, once they are known."""
    asked: list[str] = []
    fetch = Session.fetch

    async def spy(session: Session, statement: Any, *args: object) -> Any:
        asked.append(statement.text)
        return await fetch(session, statement, *args)

    async def fewest(ask: Callable[[], Awaitable[Any]]) -> int:
        """Of three times, for news of the tenant may make the platform forget."""
        counts = []
        for _ in range(3):
            asked.clear()
            await ask()
            about = ("people_companies", "custom_fields")
            counts.append(sum(any(name in it for name in about) for it in asked))
        return min(counts)

    monkeypatch.setattr(Session, "fetch", spy)
    query = f"{COMPANIES}?filter=custom.size=gt=1&sort=-custom.size&per_page=100"
    assert await fewest(lambda: owner.get(query)) == 1
    assert await fewest(lambda: company(owner, size=3, nick="x")) == 1


async def test_another_tenants_fields_are_its_own(house: House, owner: Caller) -> None:
    other = await house.user(await house.tenant())
    await add(other, "secret", "text", filterable=True)
    refused = await owner.post(COMPANIES, {"name": "A", "custom": {"secret": "x"}})
    assert refused.status == 422
    assert (await owner.get(f"{COMPANIES}?custom.secret=x")).status == 400
    taken = await other.post(COMPANIES, {"name": "A", "custom": {"size": 1}})
    assert taken.status == 422
