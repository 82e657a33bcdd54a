"""The operations: what goes over the wire, as their schemas say."""

import json
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.operations import operator_operations, tenant_operations
from insula.kernel.identity.operators import Operators
from insula.kernel.tenancy.tenant import Tenant
from tests.kernel.identity.house import PASSWORD, VISITOR, House, Process

pytestmark = pytest.mark.anyio


class Client:
    """Calls operations as the walk does: by name, with a body that is JSON."""

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        self.operations = {it.name.partition(".")[2]: it for it in operations}

    async def __call__(self, name: str, ctx: Context, **body: object) -> Any:
        operation = self.operations[name]
        call = Call(operation.path)
        if operation.body is not None:
            call.body = operation.body.model_validate_json(json.dumps(body))
        data = json.loads((await operation.run(ctx, call)).data)
        assert set(data or ()) == set(operation.answer().get("properties", ()))
        return data


@pytest.fixture
def client(process: Process) -> Client:
    return Client(tenant_operations(process.identity))


def test_users_and_operators_have_the_same_four_on_their_own_hosts(
    process: Process,
) -> None:
    def listed(operations: tuple[Operation, ...]) -> list[tuple[str, str, Audience]]:
        return [(it.method, it.path, it.audience) for it in operations]

    visitor, tenant = Audience.visitor, Audience.tenant
    users = listed(tenant_operations(process.identity))
    assert users == [
        ("POST", "/api/v1/auth/login", visitor),
        ("POST", "/api/v1/auth/refresh", visitor),
        ("POST", "/api/v1/auth/logout", tenant),
        ("GET", "/api/v1/auth/user", tenant),
        ("POST", "/api/v1/auth/cookie", visitor),
    ]
    theirs = {visitor: Audience.gate, tenant: Audience.operator}
    operators = listed(operator_operations(process.identity))
    assert operators == [(*it[:2], theirs[it[2]]) for it in users[:4]]


async def test_a_sign_in_from_its_first_answer_to_its_last(
    house: House, process: Process, acme: Tenant, client: Client
) -> None:
    """S0-31, S0-33, S0-34, S0-35: login, refresh, who I am, logout."""
    await house.user(acme, "ada@acme.test", roles=["viewer", "crm.agent"])
    visitor = house.context(acme)
    pair = await client("login", visitor, email="ada@acme.test", password=PASSWORD)
    assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 3600)  # S0-50
    assert pair["refresh_expires_in"] == 7 * 24 * 3600  # S0-51
    pair = await client("refresh", visitor, refresh_token=pair["refresh_token"])
    actor = await process.authenticator.actor(acme, pair["access_token"])
    answer = await client("user", house.context(acme, actor))
    assert UUID(answer["user"]["id"]) == actor.id
    assert answer["user"]["email"] == "ada@acme.test"
    assert answer["roles"] == ["viewer", "crm.agent"]
    assert {"*.*.read", "crm.deals.manage", "files.read"} <= {*answer["permissions"]}
    assert answer["tenant"] == {"id": str(acme.id), "slug": "acme", "name": "Acme"}
    assert await client("logout", house.context(acme, actor)) is None


async def test_an_operator_sees_themselves_and_no_tenant(
    house: House, process: Process
) -> None:
    email = f"{uuid7().hex}@insula.test"
    await Operators(house.control).create(email, PASSWORD)
    client = Client(operator_operations(process.identity))
    visitor = Context(VISITOR, client="203.0.113.7")
    pair = await client("login", visitor, email=email, password=PASSWORD)
    actor: Actor = await process.authenticator.operator(pair["access_token"])
    answer = await client("user", Context(actor))
    assert (answer["tenant"], answer["permissions"]) == (None, ["*"])
    assert await client("logout", Context(actor)) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada@acme.test"},
        {"email": "ada@acme.test", "password": ""},
        {"email": "ada@acme.test", "password": "x" * 257},
        {"email": "a" * 256, "password": "x"},
        {"email": 1, "password": "x"},
        {"email": "ada@acme.test", "password": "x", "tenant_id": "y"},
    ],
)
def test_a_body_of_another_shape_is_refused(
    process: Process, body: dict[str, object]
) -> None:
    login = tenant_operations(process.identity)[0]
    assert login.body is not None
    with pytest.raises(ValidationError):
        login.body.model_validate_json(json.dumps(body))
