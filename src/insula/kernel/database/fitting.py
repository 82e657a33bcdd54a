"""Fitting: a home's tables get what their declarations ask of a search, again and again.

It follows the declarations, not the migrations: whoever changes ``search=`` writes no
migration. Killed anywhere, it is begun again and finds what was done. Indexes of tables
with many rows are made beside the work of others, before anything asks for them; what
they replace is dropped with the functions that asked for that.
"""

import asyncio
from collections.abc import Iterator, Sequence

import asyncpg
from sqlalchemy import Table

from insula.kernel.database.bootstrap import use_of
from insula.kernel.database.cluster import EXTENSIONS
from insula.kernel.database.migrations import (
    ATTEMPTS,
    BUSY,
    LOCK_TIMEOUT,
    schema_lock,
)
from insula.kernel.database.pool import Connection
from insula.kernel.database.search_functions import FOLD, TRIGRAMS, common
from insula.kernel.database.searchable import (
    Index,
    Searchable,
    search_digest,
    searchables,
)
from insula.kernel.database.walls import SEARCH_POLICY, Roles

MADE = "search "
"""How the comment of a schema begins that says how its tables are searched."""
FEW_PAGES = 200
"""Of a table that is no larger an index is made at once: nobody waits for long."""
COLLATIONS = ("pg_c_utf8", "C.utf8", "C.UTF-8", "und-x-icu")
"""Those that know the case of all letters, the best first; servers have some of them."""
PAUSE = 0.1
"""Seconds before the next look whether somebody else is making an index."""
ALONE = "SELECT pg_try_advisory_lock(hashtextextended('insula.search', 0))"
RELEASE = "SELECT pg_advisory_unlock(hashtextextended('insula.search', 0))"

HAVE = "SELECT count(*) FROM pg_available_extensions WHERE name = ANY ($1)"
COMMENT = "SELECT obj_description(to_regnamespace($1), 'pg_namespace')"
COLLATION = """
SELECT quote_ident(collname) FROM pg_collation
 WHERE collnamespace = 'pg_catalog'::regnamespace AND collname = ANY ($1)
   AND collencoding IN (-1, pg_char_to_encoding('UTF8'))
 ORDER BY array_position($1, collname::text) LIMIT 1
"""
INDEXES = """
SELECT x.relname AS name, i.indisvalid AS valid
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
 WHERE x.relnamespace = $1::regnamespace
   AND x.relname ~ '^search_(words|alike)_[0-9a-f]{12}$'
"""
PAGES = "SELECT pg_relation_size($1::regclass) / current_setting('block_size')::int"
FUNCTIONS = """
SELECT p.oid::regprocedure::text AS name FROM pg_proc p
 WHERE p.pronamespace = $1::regnamespace AND p.proname <> ALL ($2)
   AND pg_get_userbyid(p.proowner) = $3
"""
OPEN = """
SELECT c.relname AS name FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
 WHERE c.relnamespace = $1::regnamespace AND p.polname = $2
"""


async def trigrams(connection: Connection) -> bool:
    """Whether the server has the means to find words that are written alike."""
    return bool(await connection.fetchval(HAVE, TRIGRAMS) == len(TRIGRAMS))


async def fit(
    owner: Connection, schema: str, tables: Sequence[Table], roles: Roles
) -> None:
    """Have a schema's tables searched as they are declared; harmless when they are."""
    alike = await trigrams(owner)
    made = MADE + search_digest(tables, alike=alike)
    if await owner.fetchval(COMMENT, schema) == made:
        return
    wanted = searchables(tables, alike=alike)
    while not await owner.fetchval(ALONE):  # noqa: ASYNC110  # others hold it, elsewhere
        # Whoever waits for a lock in a statement holds up the making of an index.
        await asyncio.sleep(PAUSE)
    try:
        await share(owner, roles, alike=alike)
        await _index(owner, schema, wanted)
        await _finish_patiently(owner, schema, wanted, roles, made)
    finally:
        await owner.execute(RELEASE)


async def _finish_patiently(
    owner: Connection,
    schema: str,
    wanted: Sequence[Searchable],
    roles: Roles,
    made: str,
) -> None:
    for attempt in range(ATTEMPTS):
        try:
            async with owner.transaction():
                await owner.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                await owner.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                    schema_lock(schema),
                )
                await finish(owner, schema, wanted, roles)
                await owner.execute(f"COMMENT ON SCHEMA {schema} IS '{made}'")
                return
        except asyncpg.PostgresError as error:
            if error.sqlstate not in BUSY or attempt == ATTEMPTS - 1:
                raise
        await asyncio.sleep(PAUSE * 2**attempt)


async def share(owner: Connection, roles: Roles, *, alike: bool) -> None:
    """Make what all schemas of the database share."""
    async with owner.transaction():
        await owner.execute(use_of(EXTENSIONS, roles))
        for name in TRIGRAMS if alike else ():
            await owner.execute(
                f"CREATE EXTENSION IF NOT EXISTS {name} SCHEMA {EXTENSIONS}"
            )
        if await owner.fetchval("SELECT to_regprocedure($1)", f"{FOLD}(text)") is None:
            name = await owner.fetchval(COLLATION, COLLATIONS)
            collation = "" if name is None else f"COLLATE pg_catalog.{name}"
            for statement in common(collation):
                await owner.execute(statement)


async def _index(owner: Connection, schema: str, wanted: Sequence[Searchable]) -> None:
    """Make the indexes that large tables lack, while others go on writing."""
    rows = await owner.fetch(INDEXES, schema)
    valid = {row["name"] for row in rows if row["valid"]}
    broken = {row["name"] for row in rows} - valid
    for index in (it for one in wanted for it in one.indexes if it.name not in valid):
        table = f'{schema}."{index.table}"'
        if index.name in broken:  # whoever made it was killed
            await owner.execute(f'DROP INDEX CONCURRENTLY {schema}."{index.name}"')
        if await owner.fetchval(PAGES, table) > FEW_PAGES:
            await owner.execute(_creation(index, schema, "CONCURRENTLY"))


def _creation(index: Index, schema: str, how: str = "") -> str:
    return (
        f'CREATE INDEX {how} "{index.name}"'
        f' ON {schema}."{index.table}" USING {index.using}'
    )


async def finish(
    owner: Connection, schema: str, wanted: Sequence[Searchable], roles: Roles
) -> None:
    """All the rest, in the transaction that is open: it has happened as a whole, or not.

    Functions are made by their owner, who for that moment may make them here.
    """
    names = [one.function for one in wanted]
    rows = await owner.fetch(FUNCTIONS, schema, names, roles.search)
    gone = [row["name"] for row in rows]
    steps = [
        use_of(schema, roles),
        *await _missing(owner, schema, wanted, roles),
        f'GRANT CREATE ON SCHEMA {schema} TO "{roles.search}"',
        f'SET LOCAL ROLE "{roles.search}"',
        *[f"DROP FUNCTION {name}" for name in gone],
        *[it for one in wanted for it in one.creation(schema, roles)],
        "RESET ROLE",
        f'REVOKE CREATE ON SCHEMA {schema} FROM "{roles.search}"',
        *await _leftovers(owner, schema, wanted, roles),
    ]
    if any(len(one.settings()) > 2 for one in wanted):
        # Its settings are known only where it has been used.
        await owner.fetchval(f"SELECT {EXTENSIONS}.show_limit()")
    await owner.execute(";\n".join(steps))


async def _missing(
    owner: Connection, schema: str, wanted: Sequence[Searchable], roles: Roles
) -> list[str]:
    """The statements for what is not there: no others, for each locks its table."""
    made = {row["name"] for row in await owner.fetch(INDEXES, schema)}
    read = {row["name"] for row in await owner.fetch(OPEN, schema, SEARCH_POLICY)}
    indexes = [it for one in wanted for it in one.indexes if it.name not in made]
    unread = [one for one in wanted if one.table not in read]
    return [
        *(_creation(it, schema) for it in indexes),
        *(step for one in unread for step in one.opening(schema, roles)),
    ]


async def _leftovers(
    owner: Connection, schema: str, wanted: Sequence[Searchable], roles: Roles
) -> list[str]:
    """The statements that take away what is no longer asked for."""
    kept = {index.name for one in wanted for index in one.indexes}
    made = [row["name"] for row in await owner.fetch(INDEXES, schema)]
    searched = {one.table for one in wanted}
    opened_ = [row["name"] for row in await owner.fetch(OPEN, schema, SEARCH_POLICY)]
    return [
        *(f'DROP INDEX {schema}."{name}"' for name in made if name not in kept),
        *(
            step
            for name in opened_
            if name not in searched
            for step in _closing(f'{schema}."{name}"', roles)
        ),
    ]


def _closing(table: str, roles: Roles) -> Iterator[str]:
    yield f"DROP POLICY {SEARCH_POLICY} ON {table}"
    yield f'REVOKE SELECT ON {table} FROM "{roles.search}"'  # noqa: S608  # our names
