"""Reading: a tenant's log and chain as one stream, in the order that proves them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from insula.kernel.database.pool import Connection, Record
from insula.kernel.database.session import Statement
from insula.kernel.events.audit.chain import NOWHERE, Entry, Link
from insula.kernel.events.audit.models import LinkKind

LINKS_AT_ONCE = 20
ENTRIES_AT_ONCE = 1_000
LAST_ID = UUID(int=2**128 - 1)

ENTRY = (
    "tenant_id, id, created_at, action, resource, resource_id, actor_kind, actor_id,"
    " request_id, client, user_agent, via, changes::text AS changes"
)
LINK = (
    "tenant_id, number, kind, created_at, last_id, floor, entries, salts, commitments,"
    " digests, hash"
)
ENTER = "SELECT set_config('insula.tenant', $1, true)"
LINKS = Statement(
    f"""SELECT {LINK} FROM home__.audit_chain
 WHERE tenant_id = $1::text::uuid AND number > $2
 ORDER BY number LIMIT {LINKS_AT_ONCE}"""  # noqa: S608  # our names
)
ENTRIES = Statement(
    f"""SELECT {ENTRY} FROM home__.audit_log
 WHERE tenant_id = $1::text::uuid AND id > $2 AND id <= $3
 ORDER BY id LIMIT {ENTRIES_AT_ONCE}"""  # noqa: S608  # our names
)
EXPIRY = Statement(
    """SELECT last_id FROM home__.audit_chain
 WHERE tenant_id = $1::text::uuid AND kind = 'expiry' ORDER BY number DESC LIMIT 1"""
)


def entry_of(row: Record) -> Entry:
    """The entry that a row of ``ENTRY`` holds."""
    return Entry(*tuple(row))


def link_of(row: Record) -> Link:
    """The link that a row of ``LINK`` holds."""
    fields: Sequence[Any] = tuple(row)
    tenant_id, number, kind, *rest = fields
    return Link(tenant_id, number, LinkKind(kind), *rest)


@dataclass(frozen=True, slots=True)
class Source:
    """The log of one tenant in a home, on a connection that may read it.

    The connection is in a transaction that sees one state of the rows (REPEATABLE
    READ): otherwise a link might come whose entries were not there yet.
    """

    connection: Connection
    schema: str
    tenant_id: UUID

    async def enter(self) -> None:
        """Set the tenant, for a role that row-level security holds for."""
        await self.connection.execute(ENTER, str(self.tenant_id))

    async def expired_before(self) -> UUID:
        """Where the log begins, as far as its chain says so."""
        rows = await self._fetch(EXPIRY)
        return rows[0]["last_id"] if rows else NOWHERE

    async def items(self) -> AsyncIterator[Entry | Link]:
        """Each link after all entries up to its last, then what is not sealed yet."""
        number, high = 0, NOWHERE
        while rows := await self._fetch(LINKS, number):
            for link in map(link_of, rows):
                if link.kind is LinkKind.entries and link.last_id > high:
                    async for entry in self._entries(high, link.last_id):
                        yield entry
                    high = link.last_id
                yield link
                number = link.number
        async for entry in self._entries(high, LAST_ID):
            yield entry

    async def _entries(self, after: UUID, until: UUID) -> AsyncIterator[Entry]:
        while rows := await self._fetch(ENTRIES, after, until):
            for row in rows:
                yield entry_of(row)
            after = rows[-1]["id"]

    async def _fetch(self, statement: Statement, *args: object) -> Sequence[Record]:
        text = statement.at(self.schema)
        rows: Sequence[Record] = await self.connection.fetch(
            text, str(self.tenant_id), *args
        )
        return rows
