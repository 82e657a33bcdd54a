"""Neighbours: two tenants of one mode, of whom neither may ever notice the other."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Operation
from insula.kernel.database.cluster import cluster_at
from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Session, Statement
from insula.kernel.database.walls import TENANT_METADATA
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.settings import Settings
from insula.kernel.identity.sessions import Origin
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.engine import registered_apps
from insula.kernel.tenancy.tenant import Tenant
from insula.server.build import operations
from insula.server.platform import Platform
from tests.house import Answer, Caller, House
from tests.samples import Row, Samples
from tests.values import plain_schemas

VOLATILE = (
    (re.compile(r'"position": ?"[0-9A-Za-z]+"'), '"position": "<rank>"'),
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


def unconnected() -> Platform:
    """The platform as it is composed, over no server: what it declares needs none."""
    cluster = cluster_at(
        "postgresql://nobody@localhost:1", prefix="none", key=bytes(32)
    )
    return Platform(Settings(data_dir=Path("nowhere")), cluster, registered_apps())


DECLARED = unconnected()
OPERATIONS: Mapping[str, Operation] = {
    it.name: it
    for it in operations(DECLARED)
    if it.audience in (Audience.tenant, Audience.visitor)
}
"""Every operation on a tenant's host, as declared; these cannot be run."""
APIS: Mapping[str, ResourceApi] = {it.resource.name: it for it in DECLARED.engine.apis}


def subject(name: str) -> str:
    """What an operation is about: ``maintenance.assets``, ``notifications``."""
    return name.rpartition(".")[0]


APART = ("auth", "mcp", "oauth", "pages", "portal", "scim")
"""Areas that are asked with credentials of their own, in the tests of their services.

Here they are asked with signals of two tenants, without a token, and without rights.
"""
SIGNING_IN = [name for name in OPERATIONS if name.partition(".")[0] in APART]
LIVE = [name for name, it in OPERATIONS.items() if it.live]
"""What lasts for as long as somebody listens; ``tests/kernel/events/live`` listens."""
BY_NAME = {"meta.read": "maintenance.assets"}
"""What is asked of something declared, which is no row of anybody's."""
OF_ONE = [
    name
    for name, it in OPERATIONS.items()
    if "{id}" in it.path and name not in {*SIGNING_IN, *BY_NAME}
]
PAGED = [name for name, it in OPERATIONS.items() if it.paged]
LISTS = [name for name in PAGED if subject(name) in APIS]
FEEDS = [name for name in PAGED if subject(name) not in APIS]
"""Lists of what is no resource: events, and one's own notifications."""
IMPORTS = [name for name, it in OPERATIONS.items() if it.raw_body == "text/csv"]
EXPORTS = [name for name in OPERATIONS if name.endswith(".export")]
"""Lists as files."""
BODIES = [name for name, it in OPERATIONS.items() if it.body and name not in SIGNING_IN]
REST = [
    name
    for name in OPERATIONS
    if name not in {*SIGNING_IN, *LIVE, *OF_ONE, *PAGED, *IMPORTS, *EXPORTS, *BODIES}
]
REPORTS = [name for name in REST if subject(name).endswith(".reports")]
"""What many rows come to, and the lists of these."""
VIEWS = [
    name
    for name in REST
    if not OPERATIONS[name].writes and OPERATIONS[name].app and name not in REPORTS
]
"""What an app works out of all rows."""
QUESTIONS = {
    "access.explain": "?permission=maintenance.assets.read",
    "search.read": "?q=canary",
}
"""What has to be asked something, and is refused without."""
OWN = [
    name
    for name in REST
    if OPERATIONS[name].method == "GET" and name not in {*VIEWS, *REPORTS}
]
"""What somebody reads of themselves."""


def question(name: str) -> str:
    """The path at which somebody asks that of themselves, with all that it takes."""
    path = OPERATIONS[name].path.replace("{id}", BY_NAME.get(name, ""))
    return path + QUESTIONS.get(name, "")


DEEDS = [name for name in REST if OPERATIONS[name].method != "GET"]
"""What is done without a body that could refer to anything."""


DECOYS = 6
"""Foreign ids that are tried in a field that does not say what it refers to."""


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
    # Whatever writes a row stamps it with a transaction later than all before it: as
    # long as there are as many rows, no change leaves the sum of the stamps alone.
    parts = (
        f"SELECT '{name}', count(*), sum(c.xmin::text::bigint)::text"
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
        self._control = house.platform.control
        self._apis = tuple(apis)
        self._all = _fingerprint()

    async def settle(self, mark: str) -> None:
        """Have one row of every resource."""
        whose = self.owner, self._apis, self.tenant, self.session
        self.samples = Samples(*whose, mark, self._control)
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
        origin = Origin("test", "127.0.0.1")
        return (await realm.begin(account, ("pwd",), origin)).refresh_token

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
        self.operations = OPERATIONS

    async def place_decoys(self) -> None:
        """Have ids of every kind of theirs that we may say, and so see again."""
        samples = self.theirs.samples
        for table in samples.rows:
            self.decoys.append((await samples.another(table))["id"])
        user = await self.house.user(self.theirs.tenant)
        self.decoys.append(str(user.actor_id))
        samples.secrets.difference_update(self.decoys)

    def decoys_for(self, case: str) -> list[str]:
        """Some of the ids of theirs, others for each case: all have their turn."""
        first = crc32(case.encode())
        return [self.decoys[(first + at) % len(self.decoys)] for at in range(DECOYS)]

    def api(self, operation: Operation) -> ResourceApi:
        """The resource that an operation belongs to."""
        return self.house.platform.engine.api(subject(operation.name))

    def foreign_row(self, operation: Operation) -> Row:
        """The other tenant's row of that kind; or what is asked of by its name."""
        if operation.name in BY_NAME:
            return {"id": BY_NAME[operation.name]}
        return self.theirs.samples.rows[table_of(operation)]

    async def own_row(self, operation: Operation, *, having: str = "") -> Row:
        """A new row of ours of that kind."""
        return await self.mine.samples.another(table_of(operation), having=having)

    async def body(self, operation: Operation, row: Row | None = None) -> Row | None:
        """What the operation takes; of ``row`` where it replaces or changes one."""
        model = operation.body
        if model is None:
            return None
        if operation.name.endswith(".bulk"):
            own = await self.mine.samples.another(table_of(operation))
            return {"delete": [own["id"]]}
        fields = set(model.model_fields) - {"version"}
        if operation.method in ("PUT", "PATCH") and "{id}" in operation.path:
            assert row is not None
            whole = plain_schemas(model)
            parts = {
                name: it["examples"][0]
                for name, it in whole.items()
                if "examples" in it
            }
            composed = {
                name: it for name, it in parts.items() if isinstance(it, dict | list)
            }
            return {name: composed.get(name, row.get(name, [])) for name in fields}
        return await self.mine.samples.body(model, APIS.get(subject(operation.name)))

    async def ask(self, operation: Operation, key: str = "", /, **more: Any) -> Answer:
        """Ask an operation as our owner, by default of version 1."""
        path = operation.path.replace("{id}", key)
        headers = {"if-match": '"1"', **more.pop("headers", {})}
        headers = {name: it for name, it in headers.items() if it}
        return await self.mine.owner.send(
            operation.method, path, headers=headers, **more
        )


def table_of(operation: Operation) -> str:
    """The table that an operation is about; where it is asked apart, any."""
    name = subject(operation.name)
    if operation.name in SIGNING_IN:
        return "users"
    return APIS[name].resource.table.name if name in APIS else name


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
    apps = tuple(it.name for it in house.platform.apps if not it.always)
    mine = await house.tenant(isolation, apps=apps)
    theirs = await house.tenant(isolation, apps=apps)
    return await settled(house, mine, theirs)


async def block_of(house: House) -> Neighbours:
    """The same in a database home of their own, whose walls may be torn down.

    No tenant is placed so; but the tables are those of every other home.
    """
    apps = tuple(it.name for it in house.platform.apps if not it.always)
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
