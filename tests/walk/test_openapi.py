"""The documentation says what the platform does: validated, and held against answers."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from jsonschema import (  # type: ignore[import-untyped]  # no stubs are installed
    Draft202012Validator,
    FormatChecker,
)
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import create_model

from insula.kernel.access.operation import Operation, Precondition, Reply
from insula.kernel.http.openapi import document
from insula.server.build import operations
from tests.house import Answer, House

pytestmark = pytest.mark.anyio
ASSETS = "maintenance/assets"
HOSTS = ("admin.localhost", "localhost")
PASSWORD = "a-good-long-passphrase"
BARE = ("/mcp", "/oauth/", "/.well-known/")
"""Where RFCs say what an answer looks like, and want no envelope."""


class Documented(NamedTuple):
    """An operation as a document has it."""

    method: str
    path: str
    said: dict[str, Any]


def every(document: dict[str, Any]) -> Iterator[Documented]:
    """All operations of a document."""
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            yield Documented(method.upper(), path, said)


async def told(house: House, host: str) -> dict[str, Any]:
    """The document of a host."""
    found: dict[str, Any] = (await house.caller(host).get("/openapi.json")).body
    return found


def conform(document: dict[str, Any], name: str, answer: Answer) -> None:
    """The answer is one that the document announces for the operation."""
    said = next(it.said for it in every(document) if it.said["operationId"] == name)
    response = said["responses"][str(answer.status)]
    schema = response["content"]["application/json"]["schema"]
    whole = {**schema, "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    faults = [
        f"{it.json_path}: {it.message}" for it in validator.iter_errors(answer.body)
    ]
    assert not faults, faults


@pytest.mark.parametrize("host", HOSTS)
async def test_the_document_is_valid_openapi(house: House, host: str) -> None:
    faults = OpenAPIV31SpecValidator(await told(house, host)).iter_errors()
    assert [str(it) for it in faults] == []


async def test_every_host_serves_the_document_of_its_operations(house: House) -> None:
    tenant = await house.tenant(apps=())
    central, own = await told(house, "localhost"), await told(house, tenant.domain)
    admin = await told(house, "admin.localhost")
    assert central == own
    assert "/api/v1/tenants" in admin["paths"]
    assert "/api/v1/tenants" not in central["paths"]
    assert f"/api/v1/{ASSETS}" not in admin["paths"]
    alias = await house.caller("localhost").get("/api/v1/openapi.json")
    assert alias.body == central


async def test_every_operation_is_documented_once(house: House) -> None:
    documented = [it for host in HOSTS for it in every(await told(house, host))]
    wanted = [(it.method, it.path, it.name) for it in operations(house.platform)]
    found = [(it.method, it.path, it.said["operationId"]) for it in documented]
    assert sorted(found) == sorted(wanted)
    for host in HOSTS:
        names = [it.said["operationId"] for it in every(await told(house, host))]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("host", HOSTS)
async def test_every_success_says_what_it_answers_with(house: House, host: str) -> None:
    for it in every(await told(house, host)):
        codes = [code for code in it.said["responses"] if code[0] in "12"]
        if codes == ["101"]:  # a websocket; nothing can be said of its messages
            continue
        said = [it.said["responses"][code]["content"] for code in codes]
        assert said, it.said["operationId"]
        assert all(contents == said[0] for contents in said)
        kind, content = next(iter(said[0].items()))
        if kind == "application/json" and it.path.startswith(BARE):
            assert content["schema"]["$ref"], it.said["operationId"]
        elif kind == "application/json":
            assert content["schema"]["properties"]["data"], it.said["operationId"]
        else:
            assert content["schema"]["type"] == "string", it.said["operationId"]


@pytest.mark.parametrize("host", HOSTS)
async def test_every_operation_lists_what_it_refuses_with(
    house: House, host: str
) -> None:
    conditional = {
        it.name
        for it in operations(house.platform)
        if it.precondition is Precondition.required
    }
    for _, path, said in every(await told(house, host)):
        wanted = {"400", "404", "500", "503"}
        if said["security"]:
            wanted |= {"401", "403"}
        if "requestBody" in said:
            wanted |= {"413", "415", "422"}
        if said["operationId"] in conditional:
            wanted |= {"412", "428"}
        if path.startswith("/api/v1/maintenance"):
            wanted |= {"402"}
        assert wanted <= set(said["responses"]), said["operationId"]
        for status, response in said["responses"].items():
            if int(status) >= 400:
                (content,) = response["content"].values()
                assert content["schema"] == {"$ref": "#/components/schemas/Error"}
                assert response["description"], (said["operationId"], status)


def test_what_two_apps_call_alike_keeps_its_own_shape() -> None:
    """Nobody asks the author of one app what the other's classes are called."""

    def made(app: str, kind: type[int | str]) -> Operation:
        part = create_model("Part", value=(kind, ...))
        model = create_model("Do", part=(part, ...))

        async def run(*_: object) -> Reply:
            return Reply()

        return Operation(
            name=f"{app}.things.do", method="POST", path=f"/api/v1/{app}/do", run=run,
            summary="Do", app=app, body=model, answer=model.model_json_schema,
        )  # fmt: skip

    found = document([made("crm", int), made("shop", str)], title="T", version="1")
    assert not list(OpenAPIV31SpecValidator(found).iter_errors())
    schemas = found["components"]["schemas"]

    def value(name: str) -> str:
        part = schemas[name]["properties"]["part"]["$ref"].rpartition("/")[2]
        kind: str = schemas[part]["properties"]["value"]["type"]
        return kind

    for app, kind in (("crm", "integer"), ("shop", "string")):
        said = found["paths"][f"/api/v1/{app}/do"]["post"]
        taken = said["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        given = said["responses"]["200"]["content"]["application/json"]["schema"]
        answer = given["properties"]["data"]["$ref"]
        assert {value(it.rpartition("/")[2]) for it in (taken, answer)} == {kind}
    assert "CrmThingsDo" in schemas


async def test_rows_are_answered_as_documented(house: House) -> None:
    tenant = await house.tenant()
    owner, says = await house.user(tenant), await told(house, tenant.domain)
    made = await owner.post(
        ASSETS, {"name": "Pump", "tag": "P", "custom": {"a": 1}, "category": None}
    )
    path = f"{ASSETS}/{made.data['id']}"
    name = "maintenance.assets"
    conform(says, f"{name}.create", made)
    conform(says, f"{name}.read", await owner.get(path))
    for query in ("", "?per_page=1", "?fields=name", "?deleted=only"):
        conform(says, f"{name}.list", await owner.get(f"{ASSETS}{query}"))
    patch = {"name": "X", "version": 1}
    conform(says, f"{name}.update", await owner.patch(path, patch))
    conform(says, f"{name}.update", await owner.patch(path, patch))
    conform(says, f"{name}.update", await owner.patch(path, {"name": "X"}))
    down = {"reason": "Leaks"}
    conform(says, f"{name}.take_down", await owner.post(f"{path}/take-down", down))
    conform(says, f"{name}.take_down", await owner.post(f"{path}/take-down", down))
    conform(says, f"{name}.delete", await owner.send("DELETE", path))
    conform(says, f"{name}.read", await owner.get(path))
    conform(says, f"{name}.restore", await owner.post(f"{path}/restore"))
    conform(
        says, "maintenance.dashboard.read", await owner.get("maintenance/dashboard")
    )


async def test_refusals_are_answered_as_documented(house: House) -> None:
    tenant = await house.tenant()
    owner, says = await house.user(tenant), await told(house, tenant.domain)
    viewer, name = await house.user(tenant, "viewer"), "maintenance.assets.create"
    conform(says, name, await owner.post(ASSETS, {"nme": 1}))
    conform(says, name, await owner.post(ASSETS, []))
    conform(says, name, await viewer.post(ASSETS, {}))
    conform(says, name, await house.caller(tenant.domain).post(ASSETS, {}))
    conform(says, name, await owner.send("POST", ASSETS, content=b"x"))
    conform(says, "maintenance.assets.list", await owner.get(f"{ASSETS}?x=1"))
    await house.platform.installations.uninstall(tenant.id, "maintenance")
    await house.fresh(tenant.id)
    conform(says, name, await owner.post(ASSETS, {}))


async def test_an_import_is_answered_as_documented(house: House) -> None:
    tenant = await house.tenant()
    owner, says = await house.user(tenant), await told(house, tenant.domain)
    headers, name = {"content-type": "text/csv"}, "maintenance.assets.import"
    for text in ("name,tag\nPump,P1\nValve,P1\n,P3\n", "", "nme\nx\n"):
        answer = await owner.send(
            "POST", f"{ASSETS}/import", content=text.encode(), headers=headers
        )
        conform(says, name, answer)
    conform(says, name, await owner.post(f"{ASSETS}/import", {}))


async def test_signing_in_is_answered_as_documented(house: House) -> None:
    tenant = await house.tenant()
    owner, says = await house.user(tenant), await told(house, tenant.domain)
    conform(says, "auth.user", await owner.get("auth/user"))
    conform(says, "auth.logout", await owner.post("auth/logout"))
    conform(says, "auth.user", await owner.get("auth/user"))
    wrong = {"email": "nobody@x.test", "password": "wrong"}
    conform(says, "auth.login", await owner.post("auth/login", wrong))
    conform(says, "auth.refresh", await owner.post("auth/refresh", {}))


async def test_operators_are_answered_as_documented(house: House) -> None:
    says, email = await told(house, "admin.localhost"), "documents@insula.test"
    admin = await house.operator(email=email)
    login = await admin.post("auth/login", {"email": email, "password": PASSWORD})
    conform(says, "auth.login", login)
    conform(says, "auth.user", await admin.get("auth/user"))
    tenant = await house.tenant()
    path, app = f"tenants/{tenant.id}", {"app": "maintenance"}
    conform(says, "tenants.list", await admin.get("tenants?per_page=1"))
    conform(says, "tenants.list", await admin.get("tenants?status=x"))
    conform(says, "tenants.read", await admin.get(path))
    conform(says, "tenants.create", await admin.post("tenants", {"slug": "x"}))
    conform(says, "tenants.apps", await admin.get(f"{path}/apps"))
    conform(says, "tenants.uninstall", await admin.post(f"{path}/apps/uninstall", app))
    conform(says, "tenants.install", await admin.post(f"{path}/apps", app))
    conform(says, "tenants.install", await admin.post(f"{path}/apps", {"app": "x"}))
    conform(says, "tenants.resume", await admin.post(f"{path}/resume"))
    conform(
        says, "tenants.suspend", await admin.post(f"{path}/suspend", {"reason": "x"})
    )
    conform(
        says, "tenants.suspend", await admin.post(f"{path}/suspend", {"reason": "x"})
    )
