"""Neighbours: two tenants of one mode, of whom neither may ever notice the other."""

import json
import re
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Operation
from insula.kernel.cache.memory import Cache
from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Session, Statement
from insula.kernel.database.walls import TENANT_METADATA
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.operations import tenant_operations
from insula.kernel.identity.sessions import Origin
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.engine import Engine, registered_apps
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House
from tests.samples import Row, Samples, plain_schemas

VOLATILE = (
    (re.compile(r"req_[0-9a-f]{32}"), "<request>"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\b(canary|sparrow)\d{5}"), "<text>"),
    (re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?"), "<time>"),
    (re.compile(r"\d+(\.\d+)?"), "<number>"),
)


MOVE = """
UPDATE control.tenants SET home_id =
       (SELECT home_id FROM control.tenants WHERE id = $2) WHERE id = $1
"""


def every_operation() -> tuple[Operation, ...]:
    """Every operation on a tenant's host, as declared; these cannot be run."""
    engine = Engine(
        registered_apps(), secret=b"", cache=Cache(), changed=lambda _: None
    )
    nobody = cast(Identity, SimpleNamespace(users=None, operators=None))
    return (*tenant_operations(nobody), *engine.operations())


OPERATIONS: Mapping[str, Operation] = {it.name: it for it in every_operation()}
OF_ONE = [name for name, it in OPERATIONS.items() if "{id}" in it.path]
LISTS = [name for name, it in OPERATIONS.items() if it.paged]
IMPORTS = [name for name, it in OPERATIONS.items() if it.raw_body == "text/csv"]
BODIES = [name for name, it in OPERATIONS.items() if it.body and it.app]
SIGNING_IN = [name for name, it in OPERATIONS.items() if it.app is None]
VIEWS = [
    name
    for name, it in OPERATIONS.items()
    if it.app and not it.writes and not it.paged and "{id}" not in it.path
]


class Watchful(Caller):
    """A caller who must never be told a secret that they did not say themselves."""

    secrets: set[str]

    async def send(self, method: str, path: str, **more: Any) -> Answer:
        """Send one request and look through the whole answer."""
        answer = await Caller.send(self, method, path, **more)
        said = f"{path} {more} {self.headers}"
        told = f"{json.dumps(answer.body)} {dict(answer.headers)}"
        leaked = [it for it in self.secrets if it in told and it not in said]
        assert not leaked, (method, path, answer.status, leaked[:5])
        return answer


def watchful(caller: Caller) -> Watchful:
    """The same caller, who listens."""
    made = Watchful(caller.http, caller.host, caller.token, caller.actor_id)
    made.secrets = set()
    return made


def _fingerprint() -> Statement:
    parts = (
        f"SELECT '{name}', count(*), md5(string_agg(c::text, '' ORDER BY c.id))"
        f" FROM home__.{name} c WHERE c.tenant_id = $1::uuid"
        for name in sorted(TENANT_METADATA.tables)
    )
    return Statement(" UNION ALL ".join(parts))


class Side:
    """One of two tenants: its owner, its rows, and the door to them."""

    def __init__(
        self, house: House, tenant: Tenant, owner: Caller, apis: Iterable[ResourceApi]
    ) -> None:
        self.tenant, self.owner = tenant, watchful(owner)
        self.session: Session = house.platform.open_session(tenant.home, tenant.id)
        self.samples: Samples
        self._apis = tuple(apis)
        self._all = _fingerprint()

    async def settle(self, mark: str) -> None:
        """Have one row of every resource."""
        self.samples = Samples(self.owner, self._apis, self.tenant, self.session, mark)
        await self.samples.fill()
        ids = {str(self.tenant.id), str(self.owner.actor_id)}
        self.samples.secrets |= {*ids, self.tenant.slug}

    def context(self) -> Context:
        """A visitor's context in this tenant."""
        visitor = Actor(ActorKind.visitor, None)
        return Context(visitor, tenant=self.tenant, session=self.session)

    async def refresh_token(self, house: House) -> str:
        """A refresh token of the owner, from a sign-in of its own."""
        realm = house.platform.identity.users(self.context())
        assert self.owner.actor_id is not None
        account = await realm.accounts.get(self.owner.actor_id)
        assert account is not None
        return (await realm.begin(account, Origin("test", "127.0.0.1"))).refresh_token

    async def fingerprint(self) -> list[Any]:
        """What all rows of this tenant amount to, its audit log among them."""
        async with self.session.transaction() as transaction:
            rows = await transaction.fetch(self._all)
        return sorted(tuple(row) for row in rows)


class Neighbours:
    """``mine`` asks; ``theirs`` is what must stay unknown and untouched."""

    def __init__(self, house: House, mine: Side, theirs: Side) -> None:
        self.house, self.mine, self.theirs = house, mine, theirs
        self.decoys: list[str] = []
        self.operations = {
            **OPERATIONS,
            **{it.name: it for it in house.platform.engine.operations()},
        }

    async def place_decoys(self) -> None:
        """Have ids of every kind of theirs that we may say, and so see again."""
        samples = self.theirs.samples
        for api in samples.apis.values():
            self.decoys.append((await samples.new(api))["id"])
        user = await self.house.user(self.theirs.tenant)
        self.decoys.append(str(user.actor_id))
        samples.secrets.difference_update(self.decoys)

    def api(self, operation: Operation) -> ResourceApi:
        """The resource that an operation belongs to."""
        return self.house.platform.engine.api(operation.name.rpartition(".")[0])

    def foreign_row(self, operation: Operation) -> Row:
        """The other tenant's row of that resource."""
        return self.theirs.samples.rows[self.api(operation).resource.table.name]

    async def own_row(self, operation: Operation, *, having: str = "") -> Row:
        """A new row of ours of that resource."""
        return await self.mine.samples.new(self.api(operation), having=having)

    async def body(self, operation: Operation, row: Row | None = None) -> Row | None:
        """What the operation takes; of ``row`` where it replaces or changes one."""
        model = operation.body
        if model is None:
            return None
        fields = set(model.model_fields) - {"version"}
        if operation.method in ("PUT", "PATCH"):
            assert row is not None
            return {name: row[name] for name in fields}
        return await self.mine.samples.body(model, self.api(operation))

    async def ask(self, operation: Operation, key: str = "", /, **more: Any) -> Answer:
        """Ask an operation as our owner, by default of version 1."""
        path = operation.path.replace("{id}", key)
        headers = {"if-match": '"1"', **more.pop("headers", {})}
        headers = {name: it for name, it in headers.items() if it}
        return await self.mine.owner.send(
            operation.method, path, headers=headers, **more
        )


def id_fields(operation: Operation) -> list[str]:
    """The fields of a body that could hold an id: UUIDs, and texts of a command."""
    assert operation.body is not None
    found = plain_schemas(operation.body).items()
    command = "{id}" in operation.path and operation.method == "POST"
    return [
        name
        for name, it in found
        if it.get("format") == "uuid" or (command and it.get("type") == "string")
    ]


def alike(answer: Answer) -> tuple[object, ...]:
    """What an answer says, apart from ids, times, numbers and texts of its own."""
    headers = {name: it for name, it in answer.headers.items() if name != "date"}
    said = json.dumps([answer.body, headers], sort_keys=True)
    for pattern, word in VOLATILE:
        said = pattern.sub(word, said)
    return answer.status, said


def random_id() -> str:
    """An id that nobody has."""
    return str(uuid7())


async def neighbours_of(house: House, isolation: Isolation) -> Neighbours:
    """Two new tenants of a mode, each with a row of every resource."""
    apps = tuple(house.platform.engine.apps)
    mine = await house.tenant(isolation, apps=apps)
    theirs = await house.tenant(isolation, apps=apps)
    return await settled(house, mine, theirs)


async def block_of(house: House) -> Neighbours:
    """The same in a database home of their own, whose walls may be torn down.

    No tenant is placed so; but the tables are those of every other home.
    """
    apps = tuple(house.platform.engine.apps)
    mine = await house.tenant(Isolation.database, apps=apps)
    theirs = await house.tenant(Isolation.shared, apps=apps)
    await house.platform.control.fetch(MOVE, theirs.id, mine.id)
    return await settled(house, mine, await house.fresh(theirs.id))


async def settled(house: House, mine: Tenant, theirs: Tenant) -> Neighbours:
    """Both tenants with their rows, and everybody watched."""
    apis, sides = house.platform.engine.apis, []
    for tenant, mark in ((theirs, "canary"), (mine, "sparrow")):
        side = Side(house, tenant, await house.user(tenant), apis)
        await side.settle(mark)
        sides.append(side)
    two = Neighbours(house, sides[1], sides[0])
    await two.place_decoys()
    two.mine.owner.secrets = two.theirs.samples.secrets
    two.theirs.owner.secrets = two.mine.samples.secrets
    return two
