"""The gate: whether a migrated schema is the one that the models declare.

Alembic's own comparison does not see CHECK, EXCLUDE, partial indexes or row-level
security, so the declared tables are made beside the migrated ones, in a transaction
that is rolled back, and PostgreSQL's catalogue of both is compared. Partitions come
and go with the months and are left out: they have the shape of their parent.
"""

from collections.abc import Sequence

from sqlalchemy import Table

from insula.kernel.database.bootstrap import control_grants, opened, use_of
from insula.kernel.database.cluster import EXTENSIONS
from insula.kernel.database.control import CONTROL_SCHEMA
from insula.kernel.database.fitting import finish, share, trigrams
from insula.kernel.database.home import Login
from insula.kernel.database.migrations import Migrations, declared
from insula.kernel.database.pool import Connection
from insula.kernel.database.schema import ddl
from insula.kernel.database.searchable import searchables
from insula.kernel.database.walls import Roles

SHADOW = "shadow"

FACTS = """
WITH t AS (SELECT * FROM pg_class WHERE relnamespace = $1::regnamespace
              AND right(relname, 8) <> '_alembic' AND NOT relispartition)
SELECT concat_ws(' ', 'column', t.relname, a.attname, format_type(atttypid, atttypmod),
         pg_get_expr(d.adbin, d.adrelid), attidentity::text, attgenerated::text,
         CASE WHEN attnotnull THEN 'not null' END,
         CASE WHEN attcollation <> y.typcollation THEN attcollation::regcollation END)
  FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
 WHERE t.relkind IN ('r', 'p', 'v', 'm') AND attnum > 0 AND NOT attisdropped
 UNION ALL
SELECT concat_ws(' ', 'constraint', t.relname, k.conname,
         pg_get_constraintdef(k.oid, true))
  FROM t JOIN pg_constraint k ON k.conrelid = t.oid WHERE k.contype NOT IN ('n', 't')
 UNION ALL
SELECT concat_ws(' ', 'index', t.relname, pg_get_indexdef(i.indexrelid, 0, true),
         CASE WHEN NOT i.indisvalid THEN 'invalid' END)
  FROM t JOIN pg_index i ON i.indrelid = t.oid
 UNION ALL
SELECT concat_ws(' ', 'trigger', t.relname, pg_get_triggerdef(g.oid, true))
  FROM t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
 UNION ALL
SELECT concat_ws(' ', 'policy', t.relname, p.polname, p.polcmd, p.polpermissive,
         (SELECT string_agg(CASE WHEN r = 0 THEN 'public' ELSE r::regrole::text END, ','
                            ORDER BY r) FROM unnest(p.polroles) r),
         pg_get_expr(p.polqual, t.oid), 'check ' || pg_get_expr(p.polwithcheck, t.oid))
  FROM t JOIN pg_policy p ON p.polrelid = t.oid
 UNION ALL
SELECT concat_ws(' ', 'table', t.relname, t.relkind, t.reloptions::text,
         CASE WHEN t.relrowsecurity THEN 'secured' END,
         CASE WHEN t.relforcerowsecurity THEN 'forced' END, t.relowner::regrole,
         (SELECT string_agg(acl::text, ',' ORDER BY acl::text)
            FROM unnest(t.relacl) acl))
  FROM t WHERE t.relkind IN ('r', 'p', 'v', 'm', 'S')
 UNION ALL
SELECT concat_ws(' ', 'view', t.relname, pg_get_viewdef(t.oid, true))
  FROM t WHERE t.relkind IN ('v', 'm')
 UNION ALL
SELECT concat_ws(' ', 'function', p.proowner::regrole,
         replace(pg_get_functiondef(p.oid), $1::text || '.', 'home.'),
         (SELECT string_agg(acl::text, ',' ORDER BY acl::text) FROM unnest(p.proacl) acl))
  FROM pg_proc p WHERE p.pronamespace = $1::regnamespace AND p.prokind IN ('f', 'p')
"""


async def shadow_difference(
    login: Login, schema: str, series: Sequence[Migrations], roles: Roles
) -> list[str]:
    """What a home's schema has beyond the models (``+``), and what it lacks (``-``)."""
    async with opened(login) as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(
                f"CREATE SCHEMA {SHADOW}; {use_of(SHADOW, roles)};"
                f" SET LOCAL search_path = {SHADOW}, {EXTENSIONS};"
                + ddl(roles, declared(series))
            )
            await _search(connection, declared(series), roles)
            wanted = await _facts(connection, SHADOW)
            return _difference(await _facts(connection, schema), wanted)
        finally:
            await transaction.rollback()


async def _search(
    connection: Connection, tables: Sequence[Table], roles: Roles
) -> None:
    alike = await trigrams(connection)
    await share(connection, roles, alike=alike)
    await finish(connection, SHADOW, searchables(tables, alike=alike), roles)


async def control_difference(
    login: Login, series: Sequence[Migrations], roles: Roles
) -> list[str]:
    """The same for the operator's tables, whose schema is named in the models."""
    async with opened(login) as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            found = await _facts(connection, CONTROL_SCHEMA)
            await connection.execute(
                f"ALTER SCHEMA {CONTROL_SCHEMA} RENAME TO {SHADOW};"
                f" CREATE SCHEMA {CONTROL_SCHEMA}; {control_grants(roles.app)};"
                + ddl(roles, declared(series))
            )
            return _difference(found, await _facts(connection, CONTROL_SCHEMA))
        finally:
            await transaction.rollback()


async def _facts(connection: Connection, schema: str) -> set[str]:
    # Names in the search path are printed without their schema, so facts compare.
    await connection.execute(f"SET LOCAL search_path = {schema}, {EXTENSIONS}")
    return {row[0] for row in await connection.fetch(FACTS, schema)}


def _difference(found: set[str], wanted: set[str]) -> list[str]:
    extra = [f"+ {fact}" for fact in sorted(found - wanted)]
    return extra + [f"- {fact}" for fact in sorted(wanted - found)]
