"""A tenant with the maintenance app, whose operations tests run without HTTP."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncpg

from insula.apps.maintenance.manifest import app
from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call
from insula.kernel.cache.front import Cache
from insula.kernel.database.home import Home, Isolation, Login
from insula.kernel.database.model import TenantModel
from insula.kernel.database.pool import Pools
from insula.kernel.database.session import CONTEXT, HOME, Session, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.resource.violations import translate
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.tenant import Tenant

SCHEMA = "plant"
Row = dict[str, Any]
M = TypeVar("M", bound=TenantModel)
EVENTS = Statement(
    f"WITH {CONTEXT} SELECT o.name FROM ctx CROSS JOIN LATERAL (SELECT name, id"
    f" FROM {HOME}.outbox WHERE starts_with(name, $2) ORDER BY id) o"
)


class Plant:
    """One tenant, somebody who may do everything there, and a short way to do it."""

    def __init__(self, login: Login, pools: Pools) -> None:
        home = Home(uuid7(), Isolation.schema, SCHEMA, login)
        tenant = Tenant(uuid7(), "t", "T", State.active, "t.test", home, None, {})
        self.cache = Cache()
        self.engine = Engine(
            [app], secret=b"s" * 32, cache=self.cache, changed=self.cache.flush
        )
        self._operations = {it.name: it for it in self.engine.operations()}
        actor = Actor(ActorKind.user, uuid7(), tenant=tenant.id, grants=["*"])
        session = Session(pools, home, tenant.id)
        self.ctx = Context(actor, tenant=tenant, session=session)

    async def ask(
        self, name: str, key: str = "", /, *, query: Row | None = None, **body: Any
    ) -> Any:
        """Run ``maintenance.<name>`` as a caller would, and read its answer."""
        operation = self._operations[f"maintenance.{name}"]
        call = Call(operation.path, key=key, query=query or {})
        if operation.body is not None:
            call.body = operation.body.model_validate_json(json.dumps(body))
        with self._told():
            reply = await operation.run(self.ctx, call)
        return json.loads(reply.data)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except asyncpg.PostgresError as error:
            problem = translate(error, self.engine.breaches())
            raise problem or error from error

    async def make(self, name: str, /, **body: Any) -> Row:
        """Create a row."""
        row: Row = await self.ask(f"{name}.create", **body)
        return row

    async def every(self, name: str, /, **query: str) -> list[Row]:
        """List rows."""
        rows: list[Row] = await self.ask(f"{name}.list", query=query)
        return rows

    async def asset(self, **more: Any) -> str:
        """Create an asset; its id."""
        asset = await self.make("assets", **{"name": "Pump", "tag": "P-1"} | more)
        return str(asset["id"])

    async def routine(self, **more: Any) -> str:
        """Create a routine of the category ``pump``, or of an asset; its id."""
        today = str(datetime.now(UTC).date())
        usual = {"title": "Grease", "rrule": "FREQ=MONTHLY", "starts_on": today}
        if "asset_id" not in more:
            usual["category"] = "pump"
        return str((await self.make("routines", **usual | more))["id"])

    async def checklist(self, *labels: str) -> str:
        """Create a checklist of things to tick; its id."""
        checklist = await self.make("checklists", name="Round")
        for label in labels:
            await self.make(
                "checklist_items", checklist_id=checklist["id"], label=label
            )
        return str(checklist["id"])

    async def rows(self, model: type[M]) -> list[M]:
        """All rows of a model."""
        async with self.work() as work:
            return await work.select(model)

    async def write(self, rows: Iterable[TenantModel]) -> None:
        """Add rows as an action does."""
        with self._told():
            async with self.work() as work:
                for row in rows:
                    await work.add(row)

    async def events(self, prefix: str = "") -> list[str]:
        """The names of what has happened, in the order in which it did."""
        rows = await self.ctx.session.fetch(EVENTS, prefix)
        return [row["name"] for row in rows]

    @asynccontextmanager
    async def work(self) -> AsyncIterator[WorkContext]:
        """What an action works with; commits at the block's end."""
        async with self.ctx.session.transaction() as transaction:
            work = WorkContext(self.ctx, transaction, self.engine._writers)
            yield work
            await work.flush()
