"""Notes: a table that is searched, in a schema of its own beside the homes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from sqlalchemy import MetaData, Table

from insula.kernel.database.bootstrap import opened, use_of
from insula.kernel.database.cluster import EXTENSIONS, Cluster
from insula.kernel.database.columns import Holds, LongText, Mapped, ShortText, column
from insula.kernel.database.fitting import fit
from insula.kernel.database.model import TenantModel
from insula.kernel.database.pool import Connection
from insula.kernel.database.schema import ddl
from insula.kernel.database.searchable import mark_searchable

SCHEMA = "notebook"
TENANTS = [UUID(int=number) for number in (0xA1, 0xB2, 0xC3)]
FILL = f"""
INSERT INTO {SCHEMA}.notes (tenant_id, id, version, title, words, created_at, updated_at)
SELECT $1, gen_random_uuid(), 1,
       'Note ' || md5(n::text) || CASE WHEN n % 500 = 0 THEN ' walrus' ELSE '' END,
       CASE WHEN n % 500 = 0 THEN 'walrus ' END || repeat('some words ', 9), now(), now()
  FROM generate_series(1, $2::int) n
"""
ENTER = "SELECT set_config('insula.tenant', $1, true)"
ASK = f"SELECT {SCHEMA}.notes_search($1, $2, 200)"


class Note(TenantModel, kw_only=True, repr=False, eq=False):
    """Something that was written down."""

    __tablename__ = "notes"
    metadata: ClassVar[MetaData] = MetaData()
    title: Mapped[ShortText] = column(holds=Holds.text)
    words: Mapped[LongText | None] = column(default=None, holds=Holds.text)


def note_table(*searched: str) -> Table:
    """The table, searched by these columns."""
    table = Note.__table__
    assert isinstance(table, Table)
    mark_searchable(table, searched)
    return table


@asynccontextmanager
async def notebook(cluster: Cluster) -> AsyncIterator[Connection]:
    """The schema for the length of a block, as its owner."""
    table, roles = note_table("title", "words"), cluster.roles
    async with opened(cluster.owner(cluster.pool)) as owner:
        await owner.execute(
            f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}"
        )
        async with owner.transaction():
            await owner.execute(
                f"{use_of(SCHEMA, roles)}; SET LOCAL search_path = {SCHEMA}, {EXTENSIONS};"
                + ddl(roles, [table])
            )
        await fit(owner, SCHEMA, [table], roles)
        try:
            yield owner
        finally:
            await owner.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


async def write(cluster: Cluster, tenant: UUID, *titles: str, rows: int = 0) -> None:
    """Notes of a tenant: some by their titles, and so many of no matter what."""
    async with opened(replace(cluster.admin, database=cluster.pool)) as root:
        for title in titles:
            await root.execute(
                f"INSERT INTO {SCHEMA}.notes (tenant_id, id, version, title, created_at,"
                " updated_at) VALUES ($1, gen_random_uuid(), 1, $2, now(), now())",
                tenant,
                title,
            )
        await root.execute(FILL, tenant, rows)


async def ask(
    connection: Connection, tenant: UUID | None, asked: str, hidden: Sequence[str] = ()
) -> list[UUID]:
    """What a search finds, as whoever the connection acts as."""
    async with connection.transaction():
        await connection.fetchval(ENTER, "" if tenant is None else str(tenant))
        return [row[0] for row in await connection.fetch(ASK, asked, list(hidden))]
