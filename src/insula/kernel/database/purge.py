"""Purging: a tenant's rows leave a home, whatever tables are in it."""

from graphlib import CycleError, TopologicalSorter
from uuid import UUID

from insula.kernel.database.pool import Connection

TABLES = """
SELECT c.relname FROM pg_class c
 WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p')
   AND NOT c.relispartition AND EXISTS (SELECT FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
"""
REFERENCES = """
SELECT c.relname AS child, p.relname AS parent, k.confdeltype = 'c' AS cascades
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
 WHERE k.contype = 'f' AND c.relnamespace = $1::regnamespace AND c.oid <> p.oid
   AND NOT c.relispartition AND NOT p.relispartition
"""


async def purge_tenant(owner: Connection, schema: str, tenant_id: UUID) -> int:
    """Delete a tenant's rows from every table of a schema, or none of them."""
    async with owner.transaction():
        tables = await _children_first(owner, schema)
        # Row-level security is forced: it holds for the owner, too.
        await owner.execute(
            "SELECT set_config('insula.tenant', $1, true)", str(tenant_id)
        )
        deleted = 0
        for table in tables:
            rows = f'{schema}."{table}" WHERE tenant_id = $1'
            done = await owner.execute(f"DELETE FROM {rows}", tenant_id)  # noqa: S608  # names of the catalogue
            deleted += int(done.removeprefix("DELETE "))
        return deleted


async def _children_first(owner: Connection, schema: str) -> list[str]:
    tables = [row["relname"] for row in await owner.fetch(TABLES, schema)]
    references = await owner.fetch(REFERENCES, schema)
    try:
        return _sorted(tables, [(row["parent"], row["child"]) for row in references])
    except CycleError:
        # Rows that go with their parent need not go before it.
        firm = [row for row in references if not row["cascades"]]
        return _sorted(tables, [(row["parent"], row["child"]) for row in firm])


def _sorted(tables: list[str], references: list[tuple[str, str]]) -> list[str]:
    graph: dict[str, set[str]] = {table: set() for table in tables}
    for parent, child in references:
        graph[parent].add(child)
    return list(TopologicalSorter(graph).static_order())
