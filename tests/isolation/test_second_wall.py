"""Either wall holds without the other: the explicit filters, and row-level security.

Taking one away must not show in any answer; taking both away must, or these tests
would prove nothing.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Session, Statement
from insula.kernel.database.walls import TENANT_METADATA
from tests.isolation.neighbours import (
    FEEDS,
    LISTS,
    OF_ONE,
    OWN,
    VIEWS,
    Neighbours,
    alike,
    question,
    random_id,
    table_of,
)

pytestmark = pytest.mark.anyio
FILTER = re.compile(
    r"[\w.]*\btenant_id = (?:\w+\.tenant_id|(\$1::(?:text::)?uuid))", re.IGNORECASE
)
"""The comparisons by which a statement of ours keeps to its tenant."""
OFF = "ALTER TABLE {0} DISABLE ROW LEVEL SECURITY"
ON = "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY"


def unfiltered(text: str) -> str:
    """A statement without its filters by tenant; its parameter stays in use."""
    return FILTER.sub(lambda it: f"{it[1]} IS NOT NULL" if it[1] else "true", text)


def without_filters(self: Statement, schema: str) -> str:
    """Stands for ``Statement.at``."""
    return unfiltered(self.text).replace("home__.", f"{schema}.")


async def in_a_transaction(
    self: Session, statement: Statement, *args: object
) -> Sequence[Record]:
    """Stands for ``Session.fetch``: the context is set before the statement begins.

    A statement that sets it itself is planned so that its filters wait for that; with
    them gone, row-level security may be asked first and then lets no row through.
    """
    async with self.transaction() as transaction:
        return await transaction.fetch(statement, *args)


@pytest.fixture(params=["context first", "context inside"])
def no_filters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement filters by tenant: row-level security alone is left."""
    monkeypatch.setattr(Statement, "at", without_filters)
    if request.param == "context first":
        monkeypatch.setattr(Session, "fetch", in_a_transaction)


@asynccontextmanager
async def policies_off(two: Neighbours, *tables: str) -> AsyncIterator[None]:
    """Row-level security is off in the home for a while, on all or on some tables."""
    home = two.mine.tenant.home
    names = [f"{home.schema}.{it}" for it in tables or TENANT_METADATA.tables]
    async with opened(two.house.platform.homes.owner(home)) as owner:
        await owner.execute(";".join(OFF.format(it) for it in names))
        try:
            yield
        finally:
            await owner.execute(";".join(ON.format(it) for it in names))


async def ask_for_all(two: Neighbours) -> None:
    """Read all that is not one row; whoever asks is watched."""
    for name in (*LISTS, *FEEDS, *VIEWS, *OWN):
        two.house.platform.cache.clear()
        await two.mine.owner.get(question(name))
    for name in LISTS:
        for query in ("sort=id&per_page=100", "deleted=only"):
            await two.mine.owner.get(f"{two.operations[name].path}?{query}")


async def ask_for_each(two: Neighbours) -> None:
    """Do what can be done to one row, to one of theirs and to one of nobody."""
    before = await two.theirs.fingerprint()
    for name in OF_ONE:
        operation = two.operations[name]
        row = two.mine.samples.rows[table_of(operation)]
        body, foreign = await two.body(operation, row), two.foreign_row(operation)
        theirs = await two.ask(operation, foreign["id"], json_body=body)
        nobodys = await two.ask(operation, random_id(), json_body=body)
        assert theirs.status == 404, name
        assert alike(theirs) == alike(nobodys), name
    assert await two.theirs.fingerprint() == before


def test_the_filters_are_found() -> None:
    text = "WHERE c.tenant_id = ctx.tenant_id AND t.tenant_id = $1::UUID AND id = $2"
    assert unfiltered(text) == "WHERE true AND $1::UUID IS NOT NULL AND id = $2"
    assert unfiltered("tenant_id = $1::text::uuid") == "$1::text::uuid IS NOT NULL"


async def test_every_statement_has_a_filter_to_take_away(
    block: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S0-56, D4: the first wall is in every statement that reads or changes rows."""
    seen: set[str] = set()

    def at(self: Statement, schema: str) -> str:
        seen.add(self.text)
        return self.text.replace("home__.", f"{schema}.")

    monkeypatch.setattr(Statement, "at", at)
    await ask_for_all(block)
    await ask_for_each(block)
    for api in block.house.platform.engine.apis:
        await block.mine.samples.new(api)
    assert len(seen) > 50
    for text in seen:
        reads = len(re.findall(r"\b(?:FROM|JOIN|UPDATE) home__\.", text))
        assert len(FILTER.findall(text)) >= reads, text


async def test_without_filters_nothing_of_the_neighbour_is_seen(
    block: Neighbours, no_filters: None
) -> None:
    """Promise 1: row-level security alone keeps every answer in its tenant."""
    await ask_for_all(block)


async def test_without_filters_nothing_of_the_neighbour_is_touched(
    block: Neighbours, no_filters: None
) -> None:
    """Promise 1: and so for whatever is done to one row."""
    await ask_for_each(block)


@pytest.mark.parametrize("name", LISTS)
async def test_without_filters_ones_own_rows_are_still_there(
    block: Neighbours, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the tests above could pass because nothing is found at all."""
    path = block.operations[name].path
    known = (await block.mine.owner.get(f"{path}?sort=id&per_page=100")).data
    monkeypatch.setattr(Statement, "at", without_filters)
    monkeypatch.setattr(Session, "fetch", in_a_transaction)
    found = (await block.mine.owner.get(f"{path}?sort=id&per_page=100")).data
    assert found == known != []
    one = await block.mine.owner.get(f"{path}/{known[0]['id']}")
    assert one.data == known[0]


async def test_without_filters_nobody_signs_in_next_door(
    block: Neighbours, no_filters: None
) -> None:
    """Signing in keeps to its tenant by row-level security too."""
    identity = block.house.platform.identity
    known = block.theirs.owner.actor_id
    assert known is not None
    assert await identity.users(block.mine.context()).accounts.get(known) is None
    token = await block.theirs.refresh_token(block.house)
    visitor = block.house.caller(block.mine.tenant.domain)
    answer = await visitor.post("auth/refresh", {"refresh_token": token})
    assert answer.code == "UNAUTHENTICATED"


async def test_without_policies_the_filters_hide_the_neighbour(
    block: Neighbours,
) -> None:
    """D4: the first wall alone, in a home whose owner has taken the second away."""
    async with policies_off(block):
        await ask_for_all(block)
        await ask_for_each(block)


@pytest.mark.parametrize("name", LISTS)
async def test_without_either_wall_the_neighbour_is_seen(
    block: Neighbours, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation check: one table without its policy, and the watch cries out."""
    monkeypatch.setattr(Statement, "at", without_filters)
    operation = block.operations[name]
    path = f"{operation.path}?sort=id&per_page=100"
    async with policies_off(block, block.api(operation).resource.table.name):
        with pytest.raises(AssertionError):
            await block.mine.owner.get(path)
    await block.mine.owner.get(path)
