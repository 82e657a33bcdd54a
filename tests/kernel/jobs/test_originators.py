"""A job is no way around the scopes of whatever asked for it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from insula.kernel.access.context import Context
from insula.kernel.database.session import Statement
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.tasks import Task
from insula.kernel.resource.unit import WorkContext
from tests.house import House
from tests.kernel.services.oauth.browsing import Scene, scene_of

pytestmark = pytest.mark.anyio

READ, CREATE = "maintenance.assets.read", "maintenance.assets.create"
JOBS = Statement(
    "SELECT state, error FROM home__.jobs WHERE tenant_id = $1::text::uuid"
    " AND task LIKE 'try.%' ORDER BY id"
)


class Nothing(Command):
    """A job that need not be told anything."""


class Desk:
    """A tenant with a task that needs a permission, and one that asks for it."""

    def __init__(self, house: House, scene: Scene) -> None:
        self.house, self.scene, self.tenant = house, scene, scene.tenant
        self.ran: list[bool] = []

        async def create(ctx: WorkContext, _: Nothing) -> None:
            self.ran.append(ctx.actor.may(CREATE))

        async def ask(ctx: WorkContext, _: Nothing) -> None:
            ctx.enqueue(self.create, Nothing())

        self.create = Task(
            name="try.create", command=Nothing, run=create, permission=CREATE
        )
        self.ask = Task(name="try.ask", command=Nothing, run=ask)

    async def enqueue(self, token: str, task: Task | None = None) -> None:
        """Ask for the job as the walk would, with a credential."""
        it, tenant = self.house.platform, self.tenant
        actor = await it.authenticator.actor(tenant, token)
        session = it.open_session(tenant.home, tenant.id)
        ctx = Context(actor, tenant=tenant, session=session, request_id="test")
        async with it.engine.work(ctx) as work:
            work.enqueue(task or self.create, Nothing())

    async def outcome(self) -> tuple[str, str]:
        """What the last job came to, and the code of why."""
        await self.house.work(self.tenant)
        session = self.house.platform.open_session(self.tenant.home, self.tenant.id)
        async with session.transaction() as transaction:
            last = (await transaction.fetch(JOBS))[-1]
        return last["state"], (last["error"] or "").partition(":")[0]


DONE, MAY_NOT = ("done", ""), ("failed", "JOB_ORIGINATOR_MAY_NOT")
GONE = ("failed", "JOB_CREDENTIAL_GONE")


@pytest.fixture
async def desk(house: House) -> AsyncIterator[Desk]:
    """A desk with a tenant of its own."""
    made = Desk(house, await scene_of(house))
    tasks: Any = house.platform.engine.tasks
    for task in (made.create, made.ask):
        tasks[task.name] = task
    yield made
    for task in (made.create, made.ask):
        tasks.pop(task.name, None)


@pytest.mark.parametrize("path", ["api-keys", "auth/tokens"])
async def test_a_key_that_reads_cannot_write_by_way_of_a_job(
    desk: Desk, path: str
) -> None:
    owner = await desk.house.user(desk.tenant)
    for scope, expected in ((READ, MAY_NOT), (CREATE, DONE)):
        body = {"name": "Robot", "scopes": [scope]}
        key = (await owner.post(path, body)).data
        await desk.enqueue(key["key"])
        assert await desk.outcome() == expected
        await desk.enqueue(key["key"], desk.ask)  # nor by way of a job's job
        assert await desk.outcome() == expected
    assert desk.ran == [True, True]


@pytest.mark.parametrize("path", ["api-keys", "auth/tokens"])
async def test_a_job_of_a_revoked_key_fails_and_says_why(desk: Desk, path: str) -> None:
    owner = await desk.house.user(desk.tenant)
    key = (await owner.post(path, {"name": "Robot", "scopes": [CREATE]})).data
    await desk.enqueue(key["key"])
    await owner.post(f"{path}/{key['id']}/revoke")
    assert await desk.outcome() == GONE
    assert desk.ran == []


async def test_a_program_of_its_own_has_the_scopes_of_its_token(desk: Desk) -> None:
    """Later than the token lasts too, until the program is disabled."""
    it = desk.scene
    alone = {"flows": ["client_credentials"], "redirect_uris": []}
    program = await it.register(**alone, scopes=["maintenance.assets.*"])
    token = ""
    for scope, expected in ((READ, MAY_NOT), (CREATE, DONE)):
        flow = {"grant_type": "client_credentials", "scope": scope}
        token = (await program.ask("token", **flow)).body["access_token"]
        await desk.enqueue(token)
        assert await desk.outcome() == expected
        await desk.enqueue(token, desk.ask)
        assert await desk.outcome() == expected
    await desk.enqueue(token)
    await it.admin.post(f"oauth-clients/{program.id}/disable")
    assert await desk.outcome() == GONE


async def test_a_program_that_somebody_let_has_what_they_let_it(desk: Desk) -> None:
    """Until they take it back; what they asked for themselves is done all the same."""
    it = desk.scene
    it.browser = await it.signed_in(it.email)
    token = ""
    for scope, expected in ((READ, MAY_NOT), (CREATE, DONE)):
        code = await it.browser.allow(it.program, scope=scope)
        token = (await it.program.redeem(code)).body["access_token"]
        await desk.enqueue(token)
        assert await desk.outcome() == expected
        await desk.enqueue(token, desk.ask)
        assert await desk.outcome() == expected
    await desk.enqueue(token)
    await it.program.ask("revoke", token=token)
    assert await desk.outcome() == GONE
    assert it.user.token is not None
    await desk.enqueue(it.user.token)
    await it.user.post("auth/logout")
    assert await desk.outcome() == DONE
