"""A rig for webhooks: a relay, a worker and a clock, all turned by hand.

Days pass in milliseconds: the next job is always run at the moment that it waits for.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import msgspec

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Session, Statement
from insula.kernel.events.relay import Relay
from insula.kernel.events.webhooks.addresses import networks
from insula.kernel.events.webhooks.guard import Policy
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.jobs.dispatching import Dispatcher
from insula.kernel.resource.tasks import Chunked, Errand, Progress
from insula.kernel.services.webhooks.manifest import Webhooks
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

HERE = Policy(ports=None, plain=True, allow=networks(["127.0.0.0/8"]))
JOBS = Statement(
    "SELECT id, task, command, run_at FROM home__.jobs"
    " WHERE tenant_id = $1::text::uuid AND state IN ('queued', 'dispatched')"
    " AND task LIKE 'webhooks.%' ORDER BY run_at, id"
)
DONE = Statement(
    "UPDATE home__.jobs SET state = 'done' WHERE tenant_id = $1::text::uuid"
    " AND id = $2::uuid"
)
FORGET = Statement(
    "DELETE FROM home__.outbox WHERE tenant_id = $1::text::uuid AND id = $2::uuid"
)
ENLARGE = Statement(
    "UPDATE home__.outbox SET payload = payload || jsonb_build_object('note', $2::text)"
    " WHERE tenant_id = $1::text::uuid"
)
SET_ROLES = Statement(
    "UPDATE home__.users SET roles = $3 WHERE tenant_id = $1::text::uuid"
    " AND id = $2::uuid"
)
DISMISS = Statement(
    "UPDATE home__.users SET disabled_at = $3 WHERE tenant_id = $1::text::uuid"
    " AND id = $2::uuid"
)
ROWS = "SELECT * FROM home__.{} WHERE tenant_id = $1::text::uuid ORDER BY id"


@dataclass(slots=True)
class Watch:
    """A clock that is set."""

    moment: datetime = field(default_factory=now)

    def __call__(self) -> datetime:
        """The moment that it is set to."""
        return self.moment


@dataclass(frozen=True, slots=True)
class Seen:
    """A webhook that came, and when."""

    at: datetime
    request: httpx2.Request

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.request.headers["webhook-id"])

    @property
    def body(self) -> Any:
        """What it says."""
        return msgspec.json.decode(self.request.content)


@dataclass(slots=True)
class Rig:
    """One tenant's webhooks."""

    house: House
    tenant: Tenant
    owner: Caller
    webhooks: Webhooks
    watch: Watch
    seen: list[Seen] = field(default_factory=list)
    taken: set[UUID] = field(default_factory=set)

    @property
    def session(self) -> Session:
        """The door to the tenant's rows."""
        return self.house.platform.open_session(self.tenant.home, self.tenant.id)

    @property
    def context(self) -> Context:
        """What a worker enters the tenant with."""
        system = Actor(ActorKind.system, None)
        return Context(system, tenant=self.tenant, session=self.session)

    async def endpoint(self, url: str = "https://hook.test/", **more: Any) -> Any:
        """A new endpoint, with its secret."""
        return await self.owner.create("webhook-endpoints", url=url, **more)

    async def happen(self, count: int = 1, **more: Any) -> list[Any]:
        """Something happens: assets come."""
        make = self.owner.create
        tags = [f"W-{uuid7().hex}" for _ in range(count)]
        assets = [
            await make("maintenance/assets", **{"name": "Pump", "tag": tag, **more})
            for tag in tags
        ]
        await self.relay()
        return assets

    async def relay(self) -> None:
        """The relay's turn."""

        async def nowhere(*_: object) -> None:
            """The rig is the worker."""

        relay = Relay((self.webhooks.subscriber,), (), Dispatcher({}, nowhere))
        while (await relay.turn(self.session, self.tenant.id)).events:
            continue

    async def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table."""
        async with self.session.transaction() as transaction:
            found = await transaction.fetch(Statement(ROWS.format(table)))
        return [dict(row) for row in found]

    async def jobs(self) -> list[dict[str, Any]]:
        """What waits for a worker, in the order of its time."""
        async with self.session.transaction() as transaction:
            return [dict(row) for row in await transaction.fetch(JOBS)]

    async def work(
        self, until: timedelta | None = None, most: int = 1000
    ) -> list[datetime]:
        """Do all jobs, each at its time, the watch going with them; when they ran."""
        end = None if until is None else self.watch.moment + until
        ran: list[datetime] = []
        while (jobs := await self.jobs()) and len(ran) < most:
            job = jobs[0]
            if end is not None and job["run_at"] > end:
                break
            self.watch.moment = max(self.watch.moment, job["run_at"])
            ran.append(self.watch.moment)
            await self.run(job)
        if end is not None:
            self.watch.moment = max(self.watch.moment, end)
        return ran

    async def run(self, job: dict[str, Any], *, lost: bool = False) -> None:
        """Do one job; ``lost`` is when its worker dies after it has sent."""
        engine = self.house.platform.engine
        tasks = {task.name: task for task in self.webhooks.service.tasks}
        task = tasks[job["task"]]
        command = task.command.model_validate_json(bytes(job["command"]))
        rest: tuple[Any, ...] = ()
        if isinstance(task, Errand):
            async with engine.work(self.context) as work:
                parcel = await task.prepare(work, command)
            if parcel is None:
                return await self.end(job["id"])
            rest = (await task.perform(parcel),)
        if lost:
            return None
        async with engine.work(self.context) as work:
            if isinstance(task, Chunked):
                progress = Progress(cursor=None, done=0, total=None)
                while not await task.run(work, command, progress):
                    continue
            else:
                await task.run(work, command, *rest)
        return await self.end(job["id"])

    async def end(self, job_id: UUID) -> None:
        """Write down that a job is done."""
        async with self.session.transaction() as transaction:
            await transaction.fetch(DONE, job_id)

    async def take(self) -> dict[str, Any] | None:
        """The next job, for one of several workers."""
        for job in await self.jobs():
            if job["id"] not in self.taken and job["run_at"] <= now():
                self.taken.add(job["id"])
                return job
        return None

    async def tidy(self) -> None:
        """What the schedule does again and again."""
        (schedule,) = self.webhooks.service.schedules
        async with self.house.platform.engine.work(self.context) as work:
            await schedule.run(work)

    async def forget(self, event_id: UUID) -> None:
        """Let the time of keeping an event be over."""
        async with self.session.transaction() as transaction:
            await transaction.fetch(FORGET, event_id)

    async def enlarge(self, size: int) -> None:
        """Let every event have much to tell."""
        async with self.session.transaction() as transaction:
            await transaction.fetch(ENLARGE, "x" * size)

    async def set_roles(self, caller: Caller, roles: list[str]) -> None:
        """Give a user other roles."""
        async with self.session.transaction() as transaction:
            await transaction.fetch(SET_ROLES, caller.actor_id, roles)

    async def dismiss(self, caller: Caller) -> None:
        """Let a user go."""
        async with self.session.transaction() as transaction:
            await transaction.fetch(DISMISS, caller.actor_id, now())

    def receive(self, answer: Callable[["Seen"], int] = lambda _: 200) -> None:
        """Have this answer instead of the internet, and keep what came."""

        def note(request: httpx2.Request) -> httpx2.Response:
            self.seen.append(Seen(self.watch.moment, request))
            return httpx2.Response(answer(self.seen[-1]), stream=Empty())

        self.webhooks.__dict__["client"] = httpx2.AsyncClient(
            transport=httpx2.MockTransport(note)
        )


def in_turn(*statuses: int) -> Callable[[Seen], int]:
    """Answers with these, one after the other, the last one for ever."""
    left = list(statuses)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


class Empty(httpx2.AsyncByteStream):
    """The body of an answer that says nothing."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Nothing."""
        yield b""


async def new_rig(house: House, isolation: Isolation = Isolation.shared) -> Rig:
    """A tenant with an owner, and a service that obeys the watch."""
    tenant = await house.tenant(isolation)
    watch, platform = Watch(), house.platform
    webhooks = Webhooks(
        platform.sealer,
        HERE,
        lambda: platform.engine,
        clock=watch,
        chance=lambda: 0.5,
    )
    return Rig(house, tenant, await house.user(tenant), webhooks, watch)
