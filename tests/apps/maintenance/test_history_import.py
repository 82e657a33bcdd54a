"""Machines and what happened to them come in as files, through the API (apps 4.1)."""

import json
from typing import Any

import pytest

from insula.kernel.database.home import Isolation
from tests.house import Answer, Caller, House

pytestmark = pytest.mark.anyio

MACHINES = '"machineID","model","age"\n' + "".join(
    f'{number},"model{number % 4}",{number % 21}\n' for number in range(1, 31)
)
FAILURES = '"datetime","machineID","failure"\n' + "".join(
    f'2020-{number % 12 + 1:02}-05 06:00:00,{number % 30 + 1},"comp{number % 4}"\n'
    for number in range(600)
)
AS_ASSETS = {
    "map": {
        "tag": "machineID",
        "name": "Machine {machineID}",
        "category": "model",
        "custom.age": "json:age",
    },
    "key": ["tag"],
}
AS_ORDERS = {
    "map": {
        "asset_id": "@maintenance.assets.tag:machineID",
        "title": "Failure of {failure}",
        "done_at": "datetime",
    },
    "set": {"kind": "corrective", "state": "done"},
}


async def load(caller: Caller, path: str, text: str, mapping: Any) -> Answer:
    return await caller.send(
        "POST",
        f"maintenance/{path}/import",
        content=text.encode(),
        headers={"content-type": "text/csv"},
        params={"mapping": json.dumps(mapping)},
    )


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_machines_and_failures_are_loaded_exactly_once(
    house: House, isolation: Isolation
) -> None:
    manager = await house.user(await house.tenant(isolation), "maintenance.manager")
    for created in (True, False):
        assets = (await load(manager, "assets", MACHINES, AS_ASSETS)).data
        orders = (await load(manager, "work-orders", FAILURES, AS_ORDERS)).data
        for report, rows in ((assets, 30), (orders, 600)):
            assert report["rows"] == rows
            assert report["created" if created else "existing"] == rows
    page = await manager.get("maintenance/work-orders?state=done&per_page=1")
    (order,) = page.data
    assert order["kind"] == "corrective"
    assert order["done_at"].startswith("2020-")
    asset = (await manager.get(f"maintenance/assets/{order['asset_id']}")).data
    assert asset["name"] == f"Machine {asset['tag']}"
    assert asset["custom"] == {"age": int(asset["tag"]) % 21}


async def test_another_tenant_has_no_asset_to_refer_to(house: House) -> None:
    mine = await house.user(await house.tenant())
    theirs = await house.user(await house.tenant())
    await load(mine, "assets", MACHINES, AS_ASSETS)
    report = (await load(theirs, "work-orders", FAILURES, AS_ORDERS)).data
    assert (report["created"], report["failed"]) == (0, 600)
    assert {error["code"] for error in report["errors"]} == {"not_found"}


async def test_a_technician_may_not_import(house: House) -> None:
    technician = await house.user(await house.tenant(), "maintenance.technician")
    refused = await load(technician, "assets", MACHINES, AS_ASSETS)
    assert (refused.status, refused.code) == (403, "FORBIDDEN")


async def test_a_body_that_is_no_csv_is_refused(house: House) -> None:
    manager = await house.user(await house.tenant())
    as_json = await manager.post("maintenance/assets/import", {"tag": "1"})
    assert as_json.status == 415
    empty = await load(manager, "assets", "", AS_ASSETS)
    assert (empty.status, empty.code) == (400, "INVALID_FILE")
    unmapped = await load(manager, "assets", MACHINES, {})
    assert (unmapped.status, unmapped.code) == (422, "VALIDATION_ERROR")


async def test_the_import_is_in_the_documentation(house: House) -> None:
    manager = await house.user(await house.tenant())
    paths = (await manager.get("/openapi.json")).body["paths"]
    operation = paths["/api/v1/maintenance/assets/import"]["post"]
    assert list(operation["requestBody"]["content"]) == ["text/csv"]
    assert "/api/v1/maintenance/asset-downtimes/import" not in paths
