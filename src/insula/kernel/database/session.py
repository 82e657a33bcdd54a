"""Sessions: one tenant's door to its rows, and the only one."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from time import perf_counter
from typing import Protocol
from uuid import UUID

from insula.kernel.database.afterwards import gathering
from insula.kernel.database.home import Home
from insula.kernel.database.pool import Connection, Pools, Record, commit, undo
from insula.kernel.database.slowness import Slowness

HOME = "home__"
"""Stands for the home's schema in SQL that is compiled once for all homes."""

CONTEXT = (
    "ctx AS MATERIALIZED"
    " (SELECT set_config('insula.tenant', $1, true)::uuid AS tenant_id)"
)
"""The first part of every one-statement form; its ``$1`` is the tenant's id.

It is text, not uuid: the setting is text, and a cast would cost a call.
"""


WAKING = tuple(f"INSERT INTO {HOME}.{it}" for it in ("outbox", "jobs", "audit_log"))
"""What leaves something to do behind: to be sent, to be done, to be sealed."""


@dataclass(eq=False, slots=True)
class Statement:
    """One SQL text for all homes; its first parameter is the tenant.

    Written with ``home__.table`` for every table. Texts for schema homes are kept in
    a small cache, because asyncpg finds a prepared statement by its text.
    """

    text: str
    wakes: bool = field(init=False)
    _texts: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.wakes = any(part in self.text for part in WAKING)

    def at(self, schema: str) -> str:
        """The text for homes of that schema."""
        found = self._texts.get(schema)
        if found is None:
            found = self.text.replace(f"{HOME}.", f"{schema}.")
            self._texts[schema] = found
            if len(self._texts) > 256:
                self._texts.popitem(last=False)
        return found


SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
PART = "part"
"""The name of every savepoint: the innermost of that name is the one that is meant."""
TURN = 5.0
"""Seconds that one task waits for another of the same request to end its part."""

NEVER = Slowness(after=inf)
"""Of statements that may take their time: those of upkeep, as a home's owner."""


class Waker(Protocol):
    """Keeps note, outside the homes, of the tenants that may have work to do."""

    def awake(self, tenant_id: UUID) -> bool:
        """Whether the note stands for long enough to commit under it."""

    async def rouse(self, tenant_id: UUID) -> None:
        """Make the note stand."""


class Transaction:
    """Several statements of one tenant that commit together."""

    __slots__ = ("_connection", "_schema", "_slowness", "_tenant")

    def __init__(
        self,
        connection: Connection,
        schema: str,
        tenant: str,
        slowness: Slowness | None = None,
    ) -> None:
        self._connection, self._schema, self._tenant = connection, schema, tenant
        self._slowness = slowness or NEVER

    @property
    def tenant_id(self) -> UUID:
        """Whose rows it sees."""
        return UUID(self._tenant)

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Record]:
        """Run a statement with the tenant as ``$1`` and ``args`` from ``$2`` on."""
        text, slowness, began = (
            statement.at(self._schema),
            self._slowness,
            perf_counter(),
        )
        try:
            rows: Sequence[Record] = await self._connection.fetch(
                text, self._tenant, *args
            )
        except BaseException:
            slowness.note(text, self._tenant, perf_counter() - began)
            raise
        if (seconds := perf_counter() - began) > slowness.after:
            slowness.note(text, self._tenant, seconds)
        return rows

    @asynccontextmanager
    async def part(self) -> AsyncIterator[None]:
        """What a block does is undone alone when it fails: the rest can still commit."""
        connection = self._connection
        await connection.execute(f"SAVEPOINT {PART}")
        try:
            yield
        except BaseException:
            await asyncio.shield(undo(connection, PART))
            raise
        await connection.execute(f"RELEASE SAVEPOINT {PART}")


class Session:
    """What a walk or a job reads and writes through: bound to one tenant for ever."""

    __slots__ = ("_home", "_pools", "_tenant", "_waker", "tenant_id")

    def __init__(
        self, pools: Pools, home: Home, tenant_id: UUID, waker: Waker | None = None
    ) -> None:
        self._pools, self._home, self._tenant = pools, home, str(tenant_id)
        self.tenant_id, self._waker = tenant_id, waker

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Record]:
        """Run one statement in a transaction of its own, in one round trip."""
        home, waker = self._home, self._waker
        if statement.wakes and waker is not None and not waker.awake(self.tenant_id):
            await waker.rouse(self.tenant_id)
        tenant, text = self._tenant, statement.at(home.schema)
        return await self._pools.fetch(home.login, text, tenant, *args, whose=tenant)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction that sees this tenant alone; commits at the block's end.

        The context travels with BEGIN in one round trip and ends with the transaction.
        """
        waker = self._waker
        if waker is not None and not waker.awake(self.tenant_id):
            await waker.rouse(self.tenant_id)
        async with self._begun("BEGIN") as transaction:
            yield transaction

    @asynccontextmanager
    async def _begun(self, begin: str) -> AsyncIterator[Transaction]:
        home = self._home
        async with self._pools.borrow(home.login) as connection:
            await connection.execute(
                f"{begin}; SELECT"  # the tenant is a UUID, the schema checked
                f" set_config('insula.tenant', '{self._tenant}', true),"
                f" set_config('search_path', '{home.schema}', true)"
            )
            yield Transaction(
                connection, home.schema, self._tenant, self._pools.slowness
            )
            await commit(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["JointSession"]:
        """Open a session that only reads, and sees one state of all rows to its end."""
        async with self._begun(SNAPSHOT) as transaction:
            yield JointSession(self, transaction)

    @asynccontextmanager
    async def joint(self) -> AsyncIterator["JointSession"]:
        """Open one transaction around all that is done through the session it yields.

        Notices that this process would give meanwhile are given after the commit.
        """
        with gathering():
            async with self.transaction() as transaction:
                yield JointSession(self, transaction)


class JointSession(Session):
    """A session whose transactions are parts of one that is open already.

    To whoever uses it, it is a session like any other: a part that fails is undone and
    the next one works. But nothing is there for others before the whole has committed.
    """

    __slots__ = ("_turns", "whole")

    def __init__(self, session: Session, whole: Transaction) -> None:
        super().__init__(
            session._pools, session._home, session.tenant_id, session._waker
        )
        self.whole, self._turns = whole, _Turns()

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Record]:
        """Run one statement as a part of the whole."""
        async with self.transaction() as transaction:
            return await transaction.fetch(statement, *args)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a part of the whole; inside of another, a part of that."""
        async with self._turns, self.whole.part():
            yield self.whole


class _Turns:
    """One task at a time, for there is one connection; again and again within it."""

    __slots__ = ("_depth", "_lock", "_owner")

    def __init__(self) -> None:
        self._lock, self._depth = asyncio.Lock(), 0
        self._owner: asyncio.Task[object] | None = None

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        if self._owner is not task:
            async with asyncio.timeout(TURN):
                await self._lock.acquire()
            self._owner = task
        self._depth += 1

    async def __aexit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None
            self._lock.release()
