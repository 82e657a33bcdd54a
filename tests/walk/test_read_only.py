"""A tenant that can only be read: people come in and look, and nothing is added."""

from collections.abc import Awaitable, Callable

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.services.contacts.visiting import PORTAL, at_portal
from tests.kernel.services.factors.people import Person, person, with_policy

pytestmark = pytest.mark.anyio

ASSETS = "maintenance/assets"
BECOME = "UPDATE control.tenants SET state = $2 WHERE id = $1"
SHUT = (503, "TENANT_READ_ONLY")
Become = Callable[[str], Awaitable[Tenant]]


@pytest.fixture
async def ada(house: House) -> Person:
    """An owner with a password, signed in, in a tenant that people may join."""
    made = await person(house, await house.tenant(), "owner")
    await with_policy(house, made.tenant, registration="open")
    await made.sign_in()
    return made


@pytest.fixture
def become(house: House, ada: Person) -> Become:
    """Takes the tenant into another state."""

    async def change(state: str) -> Tenant:
        await house.platform.control.fetch(BECOME, ada.tenant.id, state)
        return await house.fresh(ada.tenant.id)

    return change


async def refused(who: Caller, path: str, **body: object) -> tuple[int, str]:
    """How something is refused."""
    answer = await who.post(path, body or None)
    return answer.status, answer.code


async def test_people_come_in_and_go_and_keep_their_keys_to_themselves(
    ada: Person, become: Become
) -> None:
    body = {"name": "x", "scopes": ["maintenance.assets.read"]}
    token = (await ada.caller.post("auth/tokens", body)).data
    await become("read_only")
    ada.let(await ada.login())
    assert (await ada.caller.get(ASSETS)).status == 200
    assert await refused(ada.caller, ASSETS, name="Pump", tag="P-1") == SHUT
    await ada.enrol()
    for path in (f"auth/tokens/{token['id']}/revoke", "auth/logout"):
        assert (await ada.caller.post(path)).status == 200
    assert (await ada.answer(await ada.challenge())).status == 200


async def test_nobody_joins(ada: Person, become: Become) -> None:
    await become("read_only")
    new = {"name": "Eve", "email": "eve@people.test", "password": "a quiet harbour 7"}
    assert await refused(ada.visitor, "auth/register", **new) == SHUT
    accepted = {"token": "x" * 43, "name": "Eve", "password": "a quiet harbour 7"}
    assert await refused(ada.visitor, "auth/accept-invitation", **accepted) == SHUT
    assert (await ada.visitor.post("auth/forgot-password", {"email": ada.email})).data


async def test_contacts_come_in_and_go(
    house: House, ada: Person, become: Become
) -> None:
    visitor = await at_portal(house, ada.tenant, ada.caller)
    await become("read_only")
    renewed = {"refresh_token": visitor.headers["x-refresh"]}
    visitor.token = (await visitor.post(f"{PORTAL}/refresh", renewed)).data[
        "access_token"
    ]
    assert (await visitor.post(f"{PORTAL}/logout")).status == 200


async def test_while_a_tenant_moves_nothing_is_written_by_anybody(
    ada: Person, become: Become
) -> None:
    """Promise 20: what was written now would stay behind; a sign-in waits for seconds."""
    await become("moving")
    assert (await ada.caller.get(ASSETS)).status == 200
    login = {"email": ada.email, "password": "mulberry tram ennui"}
    assert await refused(ada.visitor, "auth/login", **login) == SHUT
    assert await refused(ada.caller, "auth/logout") == SHUT
    await become("active")
    assert (await ada.login()).status == 200
