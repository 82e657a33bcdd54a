"""No operation tells or does anything of another tenant's, in any of the three modes.

What is refused before anybody looks for a row is asked in one of them. The cases come
"""

from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from insula.kernel.access.operation import Audience, Operation
from tests.house import Answer, Caller, House
from tests.isolation.neighbours import (
    APIS,
    BODIES,
    DEEDS,
    OF_ONE,
    OPERATIONS,
    Neighbours,
    Side,
    alike,
    id_fields,
    random_id,
    subject,
    table_of,
)
from tests.samples import Row

pytestmark = pytest.mark.anyio
MISMATCH = (403, "TENANT_MISMATCH")
OVER_HTTP = [name for name, it in OPERATIONS.items() if not it.socket]
"""A websocket has tests of its own for the same, in ``tests/kernel/events/live``."""
GUARDED = [it for it in OVER_HTTP if OPERATIONS[it].audience is Audience.tenant]
BY_TOKEN = [name for name in OF_ONE if OPERATIONS[name].audience is Audience.visitor]
"""What visitors get to by a token alone: without one, a row of ours is not found."""
DOT = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCB"
    "d81ytgAAAABJRU5ErkJggg=="
)
"""A picture of one pixel: what every upload takes."""
UPLOADS = {
    "files.create": ("?name=a.txt", DOT),
    "profile.set_avatar": ("", DOT),
    "imports.create": ("?resource=maintenance.assets", b"tag,name\nX-1,Pump\n"),
}
"""What uploads take, and what has to be said with it."""
PERMITTED = [name for name, it in OPERATIONS.items() if it.permission is not None]


BETWEEN_LOOKS = 20
"""Cases after which every table of the other tenant is read again."""


class Stillness:
    """That a side stays as it is while many things are tried."""

    def __init__(self, side: Side, seen: list[Any]) -> None:
        self._side, self._seen = side, seen
        self._tried: list[str] = []

    async def goes_on(self, case: str) -> None:
        """Nothing was changed, as is seen after some cases."""
        self._tried.append(case)
        if len(self._tried) >= BETWEEN_LOOKS:
            await self.look()

    async def look(self) -> None:
        """Nothing was changed by what was tried since the last look."""
        before, self._seen = self._seen, await self._side.fingerprint()
        tried, self._tried = self._tried, []
        assert self._seen == before, tried


@pytest.fixture(scope="module")
async def theirs_still(settled_two: Neighbours) -> AsyncIterator[Stillness]:
    """Nothing here may change anything of theirs."""
    theirs = settled_two.theirs
    still = Stillness(theirs, await theirs.fingerprint())
    yield still
    await still.look()


class Powerless:
    """Somebody of ours with roles that grant nothing, and rows that they leave alone."""

    def __init__(self, caller: Caller, two: Neighbours) -> None:
        self.caller, self._two = caller, two
        self._rows: dict[str, Row] = {}

    async def row(self, operation: Operation) -> Row:
        """A row for an operation to be refused on; such a one serves again."""
        table = table_of(operation)
        if table not in self._rows:
            self._rows[table] = await self._two.own_row(operation)
        return self._rows[table]


@pytest.fixture(scope="module")
async def nobody(the_house: House, settled_two: Neighbours) -> Powerless:
    """Who has a role without grants and one that does not exist."""
    roles = ("customer", "no-such-role")
    caller = await the_house.user(settled_two.mine.tenant, *roles)
    return Powerless(caller, settled_two)


@pytest.mark.parametrize("name", OF_ONE)
async def test_a_foreign_id_in_the_path_is_as_unknown_as_any(
    two: Neighbours, theirs_still: Stillness, name: str
) -> None:
    """S0-57, pitfalls 23, 28: whatever is sent along, both answers are the same."""
    operation = two.operations[name]
    foreign = two.foreign_row(operation)["id"]
    body = await two.body(operation, two.mine.samples.rows[table_of(operation)])
    nonsense = await two.ask(operation, "nonsense", json_body=body)
    assert (nonsense.status, nonsense.code) == (404, "NOT_FOUND")
    for version in ('"1"', '"999"', ""):
        for said in (body, {"nonsense": 1}):
            more = {"json_body": said, "headers": {"if-match": version}}
            theirs = await two.ask(operation, foreign, **more)
            nobodys = await two.ask(operation, random_id(), **more)
            assert 400 <= theirs.status < 500
            assert alike(theirs) == alike(nobodys)
    await theirs_still.goes_on(name)


@pytest.mark.parametrize("name", OF_ONE)
async def test_the_same_request_for_a_row_of_ours_is_understood(
    two: Neighbours, name: str
) -> None:
    """Without this, the test above could pass because its bodies are nonsense."""
    operation = two.operations[name]
    own = await two.own_row(operation)
    version = f'"{own.get("version", 1)}"'
    if operation.name.endswith(".restore"):
        deleted = OPERATIONS[name.replace(".restore", ".delete")]
        await two.ask(deleted, own["id"])
        version = '"2"'
    body = await two.body(operation, own)
    headers = {"if-match": version}
    answer = await two.ask(operation, own["id"], json_body=body, headers=headers)
    expected = (404,) if name in BY_TOKEN else (200, 201, 202, 409, 422)
    assert answer.status in expected


@pytest.mark.parametrize("name", BODIES)
async def test_a_foreign_id_in_the_body_is_as_unknown_as_any(
    two: Neighbours, theirs_still: Stillness, name: str
) -> None:
    """Promise 1, pitfalls 14, 23: a reference reaches no further than the tenant."""
    operation = two.operations[name]
    for field in id_fields(operation):
        target = two.mine.samples.target(APIS.get(subject(name)), field)
        foreign = two.decoys_for(f"{name} {field}")
        if target is not None:
            foreign = [two.theirs.samples.rows[target]["id"]]
        nobodys = await referring(two, name, field, random_id())
        for value in foreign:
            theirs = await referring(two, name, field, value)
            assert alike(theirs) == alike(nobodys), field
            assert target is None or 400 <= theirs.status < 500, field
    await theirs_still.goes_on(name)


@pytest.mark.parametrize("name", DEEDS)
async def test_what_is_done_at_home_is_done_there_alone(
    two: Neighbours, theirs_still: Stillness, name: str
) -> None:
    """Promise 1: what takes no body that could refer to anything changes one tenant."""
    operation = two.operations[name]
    await two.own_row(two.operations["files.delete"])
    path = operation.path + UPLOADS.get(name, ("", b""))[0]
    headers = {"content-type": "image/png"} if operation.upload else {}
    sent = {"content": UPLOADS[name][1]} if operation.upload else {}
    verb = operation.method
    answer = await two.mine.owner.send(verb, path, headers=headers, **sent)
    assert answer.status < 300, answer
    await theirs_still.goes_on(name)


async def referring(two: Neighbours, name: str, field: str, value: str) -> Answer:
    """Ask with a new and valid body, but for the one id in it."""
    operation, api = two.operations[name], APIS.get(subject(name))
    samples = two.mine.samples
    assert operation.body is not None
    if "{id}" not in operation.path:
        needed = field if samples.target(api, field) else ""
        keys = await samples.understood(operation, api, having=needed)
        body = await samples.body(operation.body, api, keys)
        return await two.ask(operation, json_body={**body, field: value})
    known = field if api is not None and field in api.shape.facets else ""
    own = await two.own_row(operation, having=known)
    said = {**(await two.body(operation, own) or {}), field: value}
    return await two.ask(operation, own["id"], json_body=said)


@pytest.mark.in_one_mode
@pytest.mark.parametrize("name", OVER_HTTP)
async def test_signals_of_two_tenants_are_refused(
    two: Neighbours, theirs_still: Stillness, name: str
) -> None:
    """R07, S0-38, pitfall 31: host, header and token must name one tenant."""
    operation, theirs, ours = two.operations[name], two.theirs, two.mine
    before = await ours.fingerprint()
    key = two.foreign_row(operation)["id"] if "{id}" in operation.path else ""
    for header in (str(theirs.tenant.id), random_id(), "nonsense"):
        answer = await two.ask(operation, key, headers={"x-tenant-id": header})
        assert (answer.status, answer.code) == MISMATCH
    if operation.audience is Audience.tenant:
        path = operation.path.replace("{id}", key)
        for host, header in (
            (theirs.tenant.domain, ""),
            (theirs.tenant.domain, str(theirs.tenant.id)),
            ("localhost", str(theirs.tenant.id)),
            ("localhost", random_id()),
        ):
            headers = {"host": host, **({"x-tenant-id": header} if header else {})}
            answer = await ours.owner.send(operation.method, path, headers=headers)
            assert (answer.status, answer.code) == MISMATCH
    assert await ours.fingerprint() == before
    await theirs_still.goes_on(name)


@pytest.mark.in_one_mode
@pytest.mark.parametrize("name", GUARDED)
async def test_nobody_gets_in_without_a_token(
    two: Neighbours, theirs_still: Stillness, name: str
) -> None:
    operation = two.operations[name]
    key = two.foreign_row(operation)["id"] if "{id}" in operation.path else ""
    path = operation.path.replace("{id}", key)
    for host in (two.mine.tenant.domain, two.theirs.tenant.domain):
        for headers in ({}, {"authorization": "Bearer nonsense"}):
            visitor = two.house.caller(host)
            answer = await visitor.send(operation.method, path, headers=headers)
            assert (answer.status, answer.code) == (401, "UNAUTHENTICATED")
    await theirs_still.goes_on(name)


@pytest.mark.in_one_mode
@pytest.mark.parametrize("name", PERMITTED)
async def test_a_role_without_grants_can_do_nothing(
    two: Neighbours, nobody: Powerless, name: str
) -> None:
    """Promise 3: not even to a row of their own tenant, and not even half of it."""
    operation = two.operations[name]
    own = await nobody.row(operation) if "{id}" in operation.path else {"id": ""}
    path = operation.path.replace("{id}", own["id"])
    body = await two.body(operation, own)
    before = await two.mine.fingerprint()
    answer = await nobody.caller.send(operation.method, path, json_body=body)
    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert await two.mine.fingerprint() == before
