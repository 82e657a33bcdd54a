"""An import takes its steps in people's sight: uploaded, mapped, checked, put right, run."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.house import House
from tests.kernel.services.importing.wizard import Wizard, counts, workbook

pytestmark = pytest.mark.anyio


def tag() -> str:
    """A tag that no other asset has."""
    return f"T-{uuid4().hex[:12]}"


async def test_a_file_is_told_what_it_is_and_how_it_would_be_read(
    wizard: Wizard,
) -> None:
    run = await wizard.begin("Tag;NAME;Location;Colour\nX-1;Pump;;red\nX-2;Fan;;red\n")
    assert (run["format"], run["delimiter"], run["state"]) == ("csv", ";", "uploaded")
    assert run["columns"]["columns"] == [
        {"name": "Tag", "field": "tag"},
        {"name": "NAME", "field": "name"},
        {"name": "Location", "field": "location_id"},
        {"name": "Colour", "field": None},
    ]
    assert run["options"]["skip"] == ["Colour"]
    assert run["samples"]["Colour"] == ["red"]
    assert run["samples"]["Tag"] == ["X-1", "X-2"]


async def test_a_check_writes_nothing_and_a_start_writes_what_was_checked(
    wizard: Wizard,
) -> None:
    one, two = tag(), tag()
    run = await wizard.begin(f"tag,name\n{one},Pump\n{two},\n{two},Fan\n")
    checked = await wizard.step(run, "check")
    assert (checked["state"], counts(checked)) == ("checked", (2, 0, 0, 1))
    assert not {one, two} & {it["tag"] for it in await wizard.assets()}
    done = await wizard.step(run, "start")
    assert (done["state"], counts(done), done["done"]) == ("done", (2, 0, 0, 1), 3)
    names = {it["tag"]: it["name"] for it in await wizard.assets()}
    assert (names[one], names[two]) == ("Pump", "Fan")


async def test_a_cell_is_put_right_in_place(wizard: Wizard) -> None:
    one = tag()
    run = await wizard.begin(f"tag,name,warranty_until\n{one},Pump,soon\n")
    await wizard.step(run, "check")
    (row,) = await wizard.rows(run, "?failed=true")
    assert (row["row"], row["errors"][0]["field"]) == (2, "warranty_until")
    path = f"imports/{run['id']}/rows"
    for text, errors in (("later", 1), ("2030-01-31", 0)):
        fixes = [{"row": 2, "cells": {"warranty_until": text}}]
        (row,) = (await wizard.caller.patch(path, {"rows": fixes})).data
        assert (len(row["errors"]), row["fixed"]) == (errors, True)
    assert counts(await wizard.look(run)) == (1, 0, 0, 0)
    assert counts(await wizard.step(run, "start")) == (1, 0, 0, 0)
    (asset,) = [it for it in await wizard.assets() if it["tag"] == one]
    assert asset["warranty_until"] == "2030-01-31"


async def test_rows_are_found_and_changed_by_what_they_match(wizard: Wizard) -> None:
    one, two = tag(), tag()
    await wizard.load(f"tag,name,category\n{one},Pump,a\n")
    text = f"tag,name,category\n{one},Pump,b\n{two},Fan,Select\n{one},Big pump,\n"
    values = {"category": {"select": None}}
    done = await wizard.load(text, match="tag", values=values)
    assert counts(done) == (1, 2, 0, 0)
    found = {it["tag"]: it for it in await wizard.assets()}
    assert (found[one]["name"], found[one]["category"]) == ("Big pump", "b")
    assert (found[one]["version"], found[two]["category"]) == (3, None)
    again = await wizard.load(
        text.splitlines()[0] + f"\n{one},Big pump,b\n", match="tag"
    )
    assert counts(again) == (0, 0, 1, 0)


async def test_refused_rows_come_back_as_a_file_that_can_be_imported(
    wizard: Wizard,
) -> None:
    one = tag()
    done = await wizard.load(f"tag,name\n{one},\n{tag()},=Fan\n")
    assert counts(done) == (1, 0, 0, 1)
    answer = await wizard.caller.get(f"imports/{done['id']}/errors.csv")
    text = answer.body.removeprefix("\ufeff").replace(f"{one},", f"{one},'=1+1")
    again = await wizard.load(text)
    assert counts(again) == (1, 0, 0, 0)
    assert "=1+1" in {it["name"] for it in await wizard.assets()}


@pytest.mark.parametrize("kind", ["xlsx", "jsonl"])
async def test_workbooks_and_json_lines_are_read_alike(
    wizard: Wizard, kind: str
) -> None:
    one = tag()
    rows: list[dict[str, Any]] = [
        {"tag": one, "name": "Pump", "custom": '{"age": 7}'},
        {"tag": tag(), "name": 5, "custom": None},
    ]
    table = [list(rows[0]), *(list(it.values()) for it in rows)]
    lines = "".join(json.dumps(it) + "\n" for it in rows)
    run = await wizard.begin(workbook(table) if kind == "xlsx" else lines.encode())
    assert run["format"] == kind
    await wizard.step(run, "check")
    assert counts(await wizard.step(run, "start")) == (2, 0, 0, 0)
    (asset,) = [it for it in await wizard.assets() if it["tag"] == one]
    assert asset["custom"] == {"age": 7}


async def test_references_are_ids_unique_fields_or_titles(wizard: Wizard) -> None:
    one, two = tag(), tag()
    await wizard.load(f"tag,name\n{one},Pump\n{two},Fan\n")
    ids = {it["tag"]: it["id"] for it in await wizard.assets()}
    text = f"title,asset\nby tag,{one}\nby id,{ids[two]}\nby nothing,{tag()}\n"
    done = await wizard.load(text, "maintenance.work_orders")
    assert counts(done) == (2, 0, 0, 1)
    (row,) = await wizard.rows(done)
    assert (row["row"], row["errors"][0]["code"]) == (4, "not_found")


async def test_nobody_sees_or_takes_anothers_import(
    house: House, wizard: Wizard
) -> None:
    run = await wizard.begin("tag,name\nmine,Pump\n")
    other = Wizard(house, wizard.tenant, await house.user(wizard.tenant))
    for verb, path in (("GET", ""), ("POST", "/check"), ("GET", "/rows")):
        answer = await other.caller.send(verb, f"imports/{run['id']}{path}")
        assert (answer.status, answer.code) == (404, "NOT_FOUND")
    assert run["id"] not in {
        it["id"] for it in (await other.caller.get("imports")).data
    }
    assert run["id"] in {it["id"] for it in (await wizard.caller.get("imports")).data}


async def test_importing_needs_what_single_writes_need(
    house: House, wizard: Wizard
) -> None:
    viewer = Wizard(house, wizard.tenant, await house.user(wizard.tenant, "viewer"))
    answer = await viewer.send(b"tag,name\n1,Pump\n")
    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    unknown = await wizard.send(b"tag,name\n1,Pump\n", "maintenance.nothing")
    assert unknown.status == 422


async def test_an_import_that_is_cancelled_writes_nothing_more(wizard: Wizard) -> None:
    one = tag()
    run = await wizard.begin(f"tag,name\n{one},Pump\n")
    await wizard.step(run, "check")
    await wizard.caller.post(f"imports/{run['id']}/start")
    stopped = await wizard.caller.post(f"imports/{run['id']}/cancel")
    assert stopped.data["state"] == "cancelled"
    await wizard.house.work(wizard.tenant)
    assert one not in {it["tag"] for it in await wizard.assets()}
    again = await wizard.caller.post(f"imports/{run['id']}/start")
    assert (again.status, again.code) == (409, "IMPORT_WRONG_STATE")
