"""A canary: a person whose traces are put wherever a tenant's tables take words."""

import unicodedata
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Enum,
    Integer,
    LargeBinary,
    String,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.columns import Holds, spec
from insula.kernel.database.migrations import declared
from insula.kernel.database.personal import Entry, Registry
from insula.kernel.database.pool import Connection
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.engine import registered_apps
from insula.kernel.storage.places import Folder, new_name
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import series_of

NAME = "Zofia Maria Canarinská"
EMAIL = "zofia.canarinska@canary.test"
PHONE, ADDRESS = "+49 151 7654321", "Kanarienweg 17, Vogelstadt"
ADDRESS_V4, ADDRESS_V6 = "198.51.100.77", "2001:db8:77::cafe"
AGENT = "CanaryBrowser/77.1"
ALSO = (PHONE, ADDRESS, "Zosia-Canari", "DE89370400440532013000", "K-4711-Zofia")
"""What the kernel cannot know of a user: whoever asks for the erasure names it."""

CANARIES = (
    NAME,
    "Canarinská",
    "ZOFIA",
    "maria",
    unicodedata.normalize("NFD", "Canarinská"),
    "Zofia  Maria\nCanarinská",
    EMAIL,
    EMAIL.upper(),
    "mailto:zofia.canarinska%40canary.test",
    PHONE,
    "+491517654321",
    "(+49) 151/765-4321",
    ADDRESS,
    ADDRESS_V4,
    ADDRESS_V6,
    AGENT,
    "Zosia-Canari",
    "DE89370400440532013000",
    "K-4711-Zofia",
    "holiday_canarinská.jpg",
)
TRACES = (
    "zofia", "canarinsk", "maria", "zosia", "canari", "canary.test", "7654321",
    "765-4321", "kanarienweg", "vogelstadt", "198.51.100.77", "2001:db8:77",
    "canarybrowser", "de893704", "k-4711",
)  # fmt: skip
"""What must be found nowhere, in lower case; each canary holds one of them."""

SKIPPED = frozenset({"erasure_notes", "data_requests", "users"})
FIXED: dict[str, dict[str, Any]] = {
    "crm_deals": {"lost_reason": None},
    "crm_leads": {"state": "converted"},
    "maintenance_attachments": {"asset_id": UUID(int=7)},
    "maintenance_routines": {"asset_id": None},
    "legal_holds": {"until": datetime(2026, 1, 1, tzinfo=UTC)},
}
"""What rules over several columns want; and holds that are over."""

REGISTRY = Registry.of(declared(series_of(registered_apps())))


@asynccontextmanager
async def superuser(cluster: Cluster, tenant: Tenant) -> AsyncIterator[Connection]:
    """The home of a tenant, with no walls and no foreign keys."""
    login = replace(cluster.admin, database=tenant.home.login.database)
    async with opened(login) as connection:
        await connection.execute(
            f"SET session_replication_role = replica;"
            f" SET search_path = {tenant.home.schema}"
        )
        yield connection


async def plant(
    connection: Connection, tenant_id: UUID, person_id: UUID
) -> Sequence[str]:
    """Put every canary into every column that takes words; the files that there are."""
    files = []
    for entry in REGISTRY.entries.values():
        if entry.name not in SKIPPED:
            for row in _rows(entry, person_id):
                await _insert(connection, entry.name, {**row, "tenant_id": tenant_id})
                if entry.name == "files":
                    files.append(row["storage_key"])
    return files


def _rows(entry: Entry, person_id: UUID) -> Iterator[dict[str, Any]]:
    """The person's own rows, and rows of strangers that mention the person."""
    for number, canary in enumerate(CANARIES):
        for owner in _owners(entry, person_id):
            row = {
                it.name: _value(
                    it, _told(entry, it.name, owner, person_id), canary, number
                )
                for it in entry.table.columns
                if it.computed is None
            }
            mine = {"id": uuid7(), **FIXED.get(entry.name, {})}
            if entry.name == "files":
                mine["storage_key"] = new_name(Folder.attachments)
            yield row | mine | ({entry.owner: owner} if entry.owner else {})


def _owners(entry: Entry, person_id: UUID) -> tuple[UUID | None, ...]:
    """The person and a stranger, where rows are somebody's; of another kind of people
    nobody is the person.
    """
    if entry.owner is None:
        return (None,)
    return (uuid7(),) if entry.owner == "id" else (person_id, uuid7())


def _told(entry: Entry, name: str, owner: UUID | None, person_id: UUID) -> Holds:
    """What to put into a column: what is personal of a stranger is not the person's."""
    holds = entry.holds[name]
    strange = owner not in (None, person_id)
    return Holds.nothing if strange and holds is not Holds.text else holds


def _value(column: Column[Any], holds: Holds, canary: str, number: int) -> Any:
    kind = column.type
    declared = spec(column.info)
    if isinstance(kind, JSONB):
        told = holds in (Holds.nothing, Holds.secret)
        listed = declared.default == []
        document: Any = [] if listed else {}
        if not told:
            document = (
                [canary] if listed else {"x": [{canary: f"by {canary}."}], "n": 1.50}
            )
        return document
    if isinstance(kind, Enum):
        return kind.enums[0]
    if declared.choices:
        return declared.choices[0]
    if isinstance(kind, String):
        return _text(kind.length, holds, canary, number)
    return _plain(column, number)


def _text(length: int | None, holds: Holds, canary: str, number: int) -> str:
    if holds is Holds.nothing or holds is Holds.secret:
        return f"n{number}{uuid7().hex}"[-(length or 40) :]
    if holds is Holds.text and (length is None or length > len(canary) + 8):
        return f"({canary}), {number}"
    return canary if length is None else canary[:length]


def _plain(column: Column[Any], number: int) -> Any:
    kind = column.type
    if column.nullable:
        return None
    if isinstance(kind, Uuid):
        return uuid7()
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Integer | Double):
        minimum = spec(column.info).minimum
        return number + 1 if minimum is None else minimum
    if isinstance(kind, DateTime):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    if isinstance(kind, Date):
        return date(2026, 1, 1) + timedelta(days=number)
    assert isinstance(kind, ARRAY | LargeBinary), column
    return [] if isinstance(kind, ARRAY) else b"\0"


async def _insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    columns = ", ".join(row)
    places = ", ".join(f"${at}" for at in range(1, len(row) + 1))
    await connection.execute(
        # Where a person has one row, the first canary takes it.
        f"INSERT INTO {table} ({columns}) VALUES ({places}) ON CONFLICT DO NOTHING",
        *row.values(),
    )


async def traces(
    connection: Connection, tenant_id: UUID | None
) -> dict[str, list[str]]:
    """Every row, of whatever table of the search path, that still tells of the canary."""
    found: dict[str, list[str]] = {}
    tables = await connection.fetch(
        "SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
        " AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS tenants"
        " FROM pg_class c WHERE c.relkind = 'r'"
        " AND c.relnamespace = current_schema()::regnamespace"
    )
    for name, tenants in tables:
        mine = tenants and tenant_id is not None
        rows = await connection.fetch(
            f'SELECT t::text FROM "{name}" t'
            + (" WHERE tenant_id = $1" if mine else ""),
            *([tenant_id] if mine else []),
        )
        if told := sorted(row[0] for row in rows if tells(row[0])):
            found[name] = told
    return found


def tells(text: str) -> Sequence[str]:
    """The traces in a text, however its letters are written."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return [trace for trace in TRACES if trace in plain]
