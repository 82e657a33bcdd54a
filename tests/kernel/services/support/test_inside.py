"""Inside: as much as was granted, for as long, seen by everybody, and out in a second."""

import time
from datetime import timedelta
from typing import Any

import pytest

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience
from insula.kernel.foundation.clock import now
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.tasks import Task
from insula.kernel.resource.unit import WorkContext
from insula.kernel.tenancy.tenant import Tenant
from insula.server.build import operations
from tests.house import Caller, House
from tests.kernel.services.support.helping import (
    ASSETS,
    PATH,
    enter,
    granted,
    journal,
    log,
)

pytestmark = pytest.mark.anyio
ROWS = ("bulk_runs.", "comments.", "files.", "merges.", "tags.")
"""What is done with rows, and with what hangs on them."""
SOONER = "UPDATE control.support_accesses SET expires_at = $2 WHERE tenant_id = $1"
ADMISSION = {"api-keys", "users", "roles", "support-accesses"}


async def test_an_operator_reads_and_no_more(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-23: unless the tenant granted more."""
    asset = await owner.create(ASSETS, name="Pump", tag="P1")
    access = await granted(helper, owner, acme)
    inside = await enter(house, helper, access)
    assert (await inside.get(f"{ASSETS}/{asset['id']}")).data["name"] == "Pump"
    denied = await inside.post(ASSETS, {"name": "Fan", "tag": "F1"})
    assert (denied.status, denied.code) == (403, "FORBIDDEN")
    state = (await owner.get(f"{PATH}/{access['id']}")).data["state"]
    assert state == "active"


async def test_with_more_an_operator_changes_rows_but_not_who_has_access(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-23: nothing that would outlast their leave."""
    access = await granted(helper, owner, acme, scope="manage")
    inside = await enter(house, helper, access)
    await inside.create(ASSETS, name="Fan", tag="F1")
    actor = await house.platform.authenticator.actor(acme, inside.token or "")
    lasting = (
        *("users.create", "users.manage", "users.invite", "roles.manage"),
        *("api_keys.manage", "oauth_clients.manage", "identity_providers.manage"),
        *("security.manage", "support.manage", "teams.manage", "contacts.manage"),
        *("webhook_endpoints.create", "data_requests.create", "mail_senders.create"),
    )
    assert [it for it in lasting if actor.may(it)] == []
    assert not [
        it.name
        for it in operations(house.platform)
        if it.audience is Audience.tenant
        and it.writes
        and it.app is None
        and it.permission is not None
        and not it.permission.startswith(ROWS)
        and actor.may(it.permission)
    ]


async def test_everybody_inside_sees_who_they_are(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-23: the banner of whoever helps; the tenant's own people have none."""
    access = await granted(helper, owner, acme)
    inside = await enter(house, helper, access)
    current = (await inside.get("auth/user")).data
    assert current["support"] == {
        "operator": access["operator"],
        "reason": "Ticket 4711",
        "scope": "read",
        "until": access["expires_at"],
    }
    assert current["user"]["email"] == access["operator"]
    assert current["tenant"]["id"] == str(acme.id)
    assert (await owner.get("auth/user")).data["support"] is None


async def test_all_that_is_done_inside_stands_in_both_logs(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-29, S4-44: what was only read, too."""
    access = await granted(helper, owner, acme, scope="manage")
    inside = await enter(house, helper, access)
    asset = await inside.create(ASSETS, name="Fan", tag="F1")
    await inside.get(f"{ASSETS}/{asset['id']}")
    rows = await journal(house, acme, access)
    assert [row["action"] for row in rows] == [
        "support_accesses.request",
        "support_accesses.enter",
        "support.visit",
        "maintenance.assets.create",
        "support.visit",
    ]
    assert {(row["actor_kind"], row["actor_id"]) for row in rows} == {
        ("operator", helper.actor_id)
    }
    assert "maintenance.assets.read" in rows[-1]["changes"]
    wanted = ["support_accesses.enter", "maintenance.assets.create"]
    actions = await log(house, acme)
    assert actions[-3:] == [*wanted, "maintenance.assets.read"]


async def test_a_pass_opens_one_tenant_on_its_own_host(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-02, S1-26: and the operators' host not at all."""
    inside = await enter(house, helper, await granted(helper, owner, acme))
    other = await house.tenant()
    inside.host = other.domain
    assert (await inside.get(ASSETS)).code == "TENANT_MISMATCH"
    inside.host = helper.host
    assert (await inside.get("tenants")).code == "UNAUTHENTICATED"
    inside.host = acme.domain
    inside.token = (inside.token or "")[:-4] + "AAAA"
    assert (await inside.get(ASSETS)).code == "UNAUTHENTICATED"
    stranger = house.caller(acme.domain, helper.token)
    assert (await stranger.get(ASSETS)).status == 401


async def test_nobody_comes_in_with_a_colleagues_leave(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    access = await granted(helper, owner, acme)
    other = await house.operator()
    answer = await other.post(f"{PATH}/{access['id']}/enter")
    assert (answer.status, answer.code) == (403, "SUPPORT_ACCESS_NOT_YOURS")


async def gone(inside: Caller) -> float:
    """Seconds until the operator is out."""
    began = time.monotonic()
    while (await inside.get(ASSETS)).status != 401:
        assert time.monotonic() - began < 10
    return time.monotonic() - began


async def test_who_is_thrown_out_is_out_within_a_second(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-23: whatever the tenant's server processes remember."""
    access = await granted(helper, owner, acme)
    inside = await enter(house, helper, access)
    assert (await inside.get(ASSETS)).status == 200
    assert (await owner.post(f"{PATH}/{access['id']}/revoke")).status == 200
    assert await gone(inside) < 1
    again = await helper.post(f"{PATH}/{access['id']}/enter")
    assert again.code == "SUPPORT_ACCESS_STATE"


async def test_the_time_ends_for_whoever_is_inside(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-23: what is remembered of a pass ends with it, to the second."""
    access = await granted(helper, owner, acme)
    until = now() + timedelta(seconds=2)
    await house.platform.control.fetch(SOONER, acme.id, until)
    inside = await enter(house, helper, access)
    assert (await inside.get(ASSETS)).status == 200
    await gone(inside)
    assert abs((now() - until).total_seconds()) < 1
    assert (await owner.get(f"{PATH}/{access['id']}")).data["state"] == "expired"


@pytest.mark.parametrize("how", ["logout", "disabled", "removed"])
async def test_a_pass_dies_with_the_operators_own_sign_in(
    house: House, acme: Tenant, owner: Caller, helper: Caller, how: str
) -> None:
    """S1-23: signed out, disabled or removed is out of every tenant."""
    inside = await enter(house, helper, await granted(helper, owner, acme))
    assert (await inside.get(ASSETS)).status == 200
    chief, one = await house.operator(), f"operators/{helper.actor_id}"
    ended: Any = {
        "logout": lambda: helper.post("auth/logout"),
        "disabled": lambda: chief.post(f"{one}/disable"),
        "removed": lambda: chief.send("DELETE", one),
    }[how]
    assert (await ended()).status == 200
    assert await gone(inside) < 1


async def test_an_operator_inside_decides_nothing_about_access(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-23: not even with a role that may do everything."""
    access = await granted(helper, owner, acme, scope="manage")
    inside = await enter(house, helper, access)
    for path, body in (("approve", {}), ("reject", None), ("revoke", None)):
        answer = await inside.post(f"{PATH}/{access['id']}/{path}", body)
        assert (answer.status, answer.code) == (403, "FORBIDDEN")


class Say(Command):
    """What to say."""

    word: str


async def test_what_an_operator_leaves_behind_has_no_rights(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-23: a job of theirs is not the platform's, whoever may run it by themselves."""
    said: list[tuple[str, bool]] = []

    async def say(work: WorkContext, command: Say) -> None:
        said.append((command.word, work.actor.may("users.read")))

    tasks: Any = house.platform.engine.tasks
    permission = "maintenance.assets.create"
    free = Task(name="try.free", command=Say, run=say)
    bound = Task(name="try.bound", command=Say, run=say, permission=permission)
    access = await granted(helper, owner, acme, scope="manage")
    inside = await enter(house, helper, access)
    actor = await house.platform.authenticator.actor(acme, inside.token or "")
    assert actor.may(permission)
    session = house.platform.open_session(acme.home, acme.id)
    ctx = Context(actor, tenant=acme, session=session, request_id="req_1")
    try:
        tasks |= {it.name: it for it in (free, bound)}
        async with house.platform.engine.work(ctx) as work:
            work.enqueue(free, Say(word="free"))
            work.enqueue(bound, Say(word="bound"))
        await house.work(acme)
    finally:
        for it in (free, bound):
            del tasks[it.name]
    assert said == [("free", False)]


async def test_no_operation_breaks_under_an_operator(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-23: what belongs to a user alone is empty for them, or refused."""
    access = await granted(helper, owner, acme, scope="manage")
    inside = await enter(house, helper, access)
    for operation in operations(house.platform):
        if operation.audience is not Audience.tenant or operation.live:
            continue
        path = operation.path.replace("{id}", access["id"])
        body: Any = {} if operation.body is not None else None
        answer = await inside.send(operation.method, path, json_body=body)
        assert answer.status < 500, (operation.name, answer.body)
