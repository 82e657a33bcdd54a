"""The control database as the kernel reaches it: the operator's rows, never a tenant's."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from insula.kernel.database.home import Login
from insula.kernel.database.pool import Connection, Pools, Record, commit


class Control:
    """The door to the control database, as the app role."""

    def __init__(self, pools: Pools, login: Login) -> None:
        self._pools, self._login = pools, login

    async def fetch(self, text: str, *args: object) -> Sequence[Record]:
        """Run one statement in a transaction of its own; tables are ``control.x``."""
        return await self._pools.fetch(self._login, text, *args)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Open a transaction; it commits at the end of the block.

        Without asyncpg's own transactions, whose state outlives a BEGIN that was
        cancelled: the pool rolls back what is still open when it gets it back.
        """
        async with self._pools.borrow(self._login) as connection:
            await connection.execute("BEGIN")
            yield connection
            await commit(connection)
