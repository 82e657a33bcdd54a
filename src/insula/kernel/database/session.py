"""Sessions: one tenant's door to its rows, and the only one."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from insula.kernel.database.home import Home
from insula.kernel.database.pool import Connection, Pools, Record, commit

HOME = "home__"
"""Stands for the home's schema in SQL that is compiled once for all homes."""

CONTEXT = (
    "ctx AS MATERIALIZED"
    " (SELECT set_config('insula.tenant', $1, true)::uuid AS tenant_id)"
)
"""The first part of every one-statement form; its ``$1`` is the tenant's id.

It is text, not uuid: the setting is text, and a cast would cost a call.
"""


@dataclass(eq=False, slots=True)
class Statement:
    """One SQL text for all homes; its first parameter is the tenant.

    Written with ``home__.table`` for every table. Texts for schema homes are kept in
    a small cache, because asyncpg finds a prepared statement by its text.
    """

    text: str
    _texts: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def at(self, schema: str) -> str:
        """The text for homes of that schema."""
        found = self._texts.get(schema)
        if found is None:
            found = self.text.replace(f"{HOME}.", f"{schema}.")
            self._texts[schema] = found
            if len(self._texts) > 256:
                self._texts.popitem(last=False)
        return found


class Transaction:
    """Several statements of one tenant that commit together."""

    __slots__ = ("_connection", "_schema", "_tenant")

    def __init__(self, connection: Connection, schema: str, tenant: str) -> None:
        self._connection, self._schema, self._tenant = connection, schema, tenant

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Record]:
        """Run a statement with the tenant as ``$1`` and ``args`` from ``$2`` on."""
        rows: Sequence[Record] = await self._connection.fetch(
            statement.at(self._schema), self._tenant, *args
        )
        return rows


class Session:
    """What a walk or a job reads and writes through: bound to one tenant for ever."""

    __slots__ = ("_home", "_pools", "_tenant")

    def __init__(self, pools: Pools, home: Home, tenant_id: UUID) -> None:
        self._pools, self._home, self._tenant = pools, home, str(tenant_id)

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Record]:
        """Run one statement in a transaction of its own, in one round trip."""
        home = self._home
        return await self._pools.fetch(
            home.login, statement.at(home.schema), self._tenant, *args
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction that sees this tenant alone; commits at the block's end.

        The context travels with BEGIN in one round trip and ends with the transaction.
        """
        home = self._home
        async with self._pools.borrow(home.login) as connection:
            await connection.execute(
                "BEGIN; SELECT"  # the tenant is a UUID, the schema checked
                f" set_config('insula.tenant', '{self._tenant}', true),"
                f" set_config('search_path', '{home.schema}', true)"
            )
            yield Transaction(connection, home.schema, self._tenant)
            await commit(connection)
