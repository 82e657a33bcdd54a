"""What tables get so that they are searched: for their tenant, fast, and safe to repeat."""

import unicodedata
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from insula.kernel.database import doctor, fitting
from insula.kernel.database.bootstrap import opened
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.fitting import fit
from insula.kernel.database.folding import fold
from insula.kernel.database.pool import Connection
from insula.kernel.database.search_functions import FOLD
from insula.kernel.resource.declaration import DeclarationError, Resource
from insula.kernel.tenancy.homes import Homes
from tests.kernel.database.notes import (
    SCHEMA,
    TENANTS,
    Note,
    ask,
    note_table,
    notebook,
    write,
)

pytestmark = pytest.mark.anyio
MINE, THEIRS, BIG = TENANTS
STATE = """
SELECT relname::text FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
 WHERE relnamespace = $1::regnamespace AND relname LIKE 'search%'
   AND i.indisvalid
 UNION ALL SELECT md5(prosrc) || proname FROM pg_proc WHERE pronamespace = $1::regnamespace
 UNION ALL SELECT polname::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
            WHERE c.relnamespace = $1::regnamespace
 UNION ALL SELECT privilege_type || grantee::regrole FROM pg_class c, aclexplode(relacl)
            WHERE c.relnamespace = $1::regnamespace
 UNION ALL SELECT privilege_type || grantee::regrole FROM pg_namespace, aclexplode(nspacl)
            WHERE oid = $1::regnamespace
"""


@pytest.fixture
async def owner(cluster: Cluster, homes: Homes) -> AsyncIterator[Connection]:
    assert homes.cluster is cluster
    async with notebook(cluster) as connection:
        yield connection


@pytest.fixture
async def app(cluster: Cluster, owner: Connection) -> AsyncIterator[Connection]:
    async with opened(cluster.app(cluster.pool)) as connection:
        yield connection


async def state(owner: Connection) -> list[str]:
    """All that a search is made of."""
    return sorted(row[0] for row in await owner.fetch(STATE, SCHEMA))


async def test_a_search_finds_rows_of_its_transactions_tenant(
    cluster: Cluster, app: Connection
) -> None:
    """D2b, promise 1: the tenant is no argument; without one nothing is found."""
    await write(cluster, MINE, "Walrus")
    await write(cluster, THEIRS, "Walrus", "Otter")
    assert len(await ask(app, MINE, "walrus")) == 1
    assert len(await ask(app, THEIRS, "walrus")) == 1
    assert await ask(app, MINE, "otter") == await ask(app, MINE, "oter") == []
    assert await ask(app, None, "walrus") == []
    assert await ask(app, MINE, "walrus", ["title", "words"]) == []


async def test_the_role_of_searches_is_nobodys(
    cluster: Cluster, app: Connection, owner: Connection
) -> None:
    """D2, D3: for the owner the walls stand as before, and the reader may not search."""
    await write(cluster, MINE, "Walrus")
    roles, count = cluster.roles, f"SELECT count(*) FROM {SCHEMA}.notes"
    assert await owner.fetchval(count) == await app.fetchval(count) == 0
    for connection in (app, owner):
        member = "SELECT pg_has_role(current_user, $1, 'USAGE')"
        assert not await connection.fetchval(member, roles.search)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(f'SET ROLE "{roles.search}"')
    reader = cluster.login(cluster.pool, roles.reader)
    async with opened(reader) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask(connection, MINE, "walrus")


class Killed(Exception):
    """Stands for the end of the process."""


class Mortal:
    """A connection whose owner is killed before one of its statements."""

    def __init__(self, connection: Connection, before: int) -> None:
        self._connection, self._left = connection, before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def execute(self, text: str, *args: object) -> str:
        """Run a statement, or end."""
        self._left -= 1
        if self._left == 0:
            await self._connection.close()
            raise Killed
        return str(await self._connection.execute(text, *args))


@pytest.mark.parametrize("pages", [10_000, -1], ids=["small", "large"])
async def test_fitting_is_finished_by_the_next_wherever_it_was_killed(
    cluster: Cluster, owner: Connection, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(fitting, "FEW_PAGES", pages)
    roles, wanted = cluster.roles, await state(owner)
    for kill in range(1, 30):
        table = note_table("words")
        await fit(owner, SCHEMA, [table], roles)
        assert await state(owner) != wanted
        table = note_table("title", "words")
        connection = await asyncpg.connect(**login(cluster))
        try:
            await fit(Mortal(connection, kill), SCHEMA, [table], roles)  # type: ignore[arg-type]  # stands for it
        except (Killed, asyncpg.InterfaceError):
            await fit(owner, SCHEMA, [table], roles)
            assert await state(owner) == wanted, kill
        else:
            await connection.close()
            break
    assert kill > 4
    assert await state(owner) == wanted


def login(cluster: Cluster) -> dict[str, Any]:
    one = cluster.owner(cluster.pool)
    return {
        "host": one.host,
        "port": one.port,
        "database": one.database,
        "user": one.user,
        "password": one.password,
    }


async def test_an_index_that_was_left_half_made_is_made_anew(
    cluster: Cluster, owner: Connection
) -> None:
    wanted = await state(owner)
    async with opened(replace(cluster.admin, database=cluster.pool)) as root:
        await root.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN (SELECT oid"
            f" FROM pg_class WHERE relnamespace = '{SCHEMA}'::regnamespace"
            " AND relname LIKE 'search_words%')"
        )
    assert await state(owner) != wanted
    await owner.execute(f"COMMENT ON SCHEMA {SCHEMA} IS NULL")
    await fit(owner, SCHEMA, [note_table("title", "words")], cluster.roles)
    assert await state(owner) == wanted


async def test_what_is_searched_follows_the_declaration(
    cluster: Cluster, app: Connection, owner: Connection
) -> None:
    """No migration: another declaration, then none, and nothing is left of it."""
    await write(cluster, MINE, "Walrus", rows=500)
    assert len(await ask(app, MINE, "walrus")) == 2
    await fit(owner, SCHEMA, [note_table("words")], cluster.roles)
    assert len(await ask(app, MINE, "walrus")) == 1
    await fit(owner, SCHEMA, [note_table()], cluster.roles)
    assert not [it for it in await state(owner) if "search" in it and "USAGE" not in it]
    note_table("title", "words")


async def test_without_the_means_only_misspelt_words_are_lost(
    cluster: Cluster,
    app: Connection,
    owner: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a server without the extensions; the doctor says so."""

    async def missing(_: Connection) -> bool:
        return False

    await write(cluster, MINE, "Walrus")
    assert len(await ask(app, MINE, "wallrus")) == 1
    monkeypatch.setattr(fitting, "trigrams", missing)
    monkeypatch.setattr(doctor, "trigrams", missing)
    await fit(owner, SCHEMA, [note_table("title", "words")], cluster.roles)
    assert len(await ask(app, MINE, "walr")) == 1
    assert await ask(app, MINE, "wallrus") == []
    told = {it.subject: it for it in await doctor.findings(cluster)}
    assert "pg_trgm" in told["search"].remedy
    assert told["search"].level is doctor.Level.warning


@pytest.mark.parametrize("asked", ["walrus", "wallrus", "no walru"])
async def test_a_search_reads_its_indexes_and_few_rows(
    cluster: Cluster, owner: Connection, asked: str
) -> None:
    """S3-81: among the rows of several tenants, as the role that serves requests."""
    for tenant in TENANTS:
        await write(cluster, tenant, rows=2000)
    plans = list[str]()
    async with opened(replace(cluster.admin, database=cluster.pool)) as root:
        await root.execute(f"ANALYZE {SCHEMA}.notes; LOAD 'auto_explain'")
        await root.execute(
            "SET auto_explain.log_nested_statements = on;"
            "SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;"
            "SET auto_explain.log_level = notice; SET client_min_messages = notice"
        )
        root.add_log_listener(lambda _, it: plans.append(str(it.message)))
        await root.execute(f'SET ROLE "{cluster.roles.app}"')
        found = await ask(root, MINE, asked)
    reads = [it for it in plans if "on notes" in it]
    assert reads
    assert len(found) == 4
    for plan in reads:
        assert "Bitmap Index Scan on search_" in plan, plan
        assert "Seq Scan" not in plan, plan


async def test_python_and_postgresql_fold_alike(owner: Connection) -> None:
    """What is highlighted is what was found."""
    every = [
        chr(code)
        for code in (*range(1, 0x3000), *range(0xFB00, 0xFFFE))
        if unicodedata.category(chr(code)) not in ("Cn", "Co", "Cs")
    ]
    texts = [f"a{it}b {it}" for it in every]
    rows = await owner.fetch(
        f"SELECT {FOLD}(t) FROM unnest($1::text[]) WITH ORDINALITY u(t, n) ORDER BY n",
        texts,
    )
    differing = [
        f"U+{ord(letter):04X} {row[0]!r} {fold(text)!r}"
        for letter, text, row in zip(every, texts, rows, strict=True)
        if row[0] != fold(text)
    ]
    assert differing == []


def test_only_texts_are_searched() -> None:
    with pytest.raises(ValueError, match="no text"):
        note_table("created_at")
    with pytest.raises(ValueError, match="more than"):
        note_table(*["title"] * 9)
    with pytest.raises(DeclarationError, match="would tell of"):
        Resource(Note, kernel=True, search=(Note.words,), hidden=(Note.words,))
    note_table("title", "words")
