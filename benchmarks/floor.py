"""The floor: the least that a list and a create can cost in Python on this PostgreSQL.

A bare ASGI handler with asyncpg: prepared statements, a literal LIMIT, a dict of
tokens, a pool that is a deque, the platform's JSON; no framework, no row-level
security, no feature.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from pydantic_settings import BaseSettings, SettingsConfigDict
from uuid_utils.compat import uuid7

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class FloorSettings(BaseSettings):
    """Where the floor's PostgreSQL is, and how many connections it keeps."""

    model_config = SettingsConfigDict(env_prefix="INSULA_FLOOR_")

    dsn: str
    pool: int = 16


class Asset(msgspec.Struct, tag_field="type", tag="maintenance.asset"):
    """A row as it is read and answered: its fields are the columns, in this order."""

    id: UUID
    version: int
    name: str
    tag: str
    category: str | None
    serial: str | None
    location_id: UUID | None
    warranty_until: date | None
    custom: msgspec.Raw
    state: str
    created_at: datetime
    updated_at: datetime


class NewAsset(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a create."""

    name: str
    tag: str


COLUMNS = ", ".join(Asset.__struct_fields__)
PAGES = {
    b"per_page=%d" % size: (
        size,
        f"SELECT {COLUMNS} FROM assets WHERE tenant_id = $1 AND deleted_at IS NULL"
        f" ORDER BY id DESC LIMIT {size + 1}",
    )
    for size in (10, 20, 50, 100)
}
CREATE = f"""
WITH row AS (
  INSERT INTO assets (tenant_id, {COLUMNS})
  VALUES ($1, $2, 1, $4, $5, NULL, NULL, NULL, NULL, '{{}}', 'in_service', $3, $3)
), trail AS (
  INSERT INTO audit_log (tenant_id, id, created_at, action, resource, resource_id,
    actor_kind, actor_id, request_id, client, changes)
  VALUES ($1, $6, $3, 'create', 'maintenance.assets', $2, 'user', $1, $8, NULL, $9)
)
INSERT INTO outbox (tenant_id, id, created_at, name, resource_id, payload, actor_id,
  request_id)
VALUES ($1, $7, $3, 'maintenance.asset.created', $2, $10, $1, $8)
"""
EMPTY = msgspec.Raw(b"{}")
JSON = (b"content-type", b"application/json")

encode = msgspec.json.encode
read_body = msgspec.json.Decoder(NewAsset).decode


async def _connect(dsn: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(
        dsn, max_cached_statement_lifetime=0, server_settings={"jit": "off"}
    )
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=str, decoder=_raw, format="text"
    )
    return connection


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


class Floor:
    """The ASGI application: two routes and the connections they share."""

    def __init__(self, settings: FloorSettings) -> None:
        """Nothing is opened before the server says that it starts."""
        self._settings = settings
        self._idle: deque[asyncpg.Connection] = deque()
        self._room = asyncio.Semaphore(settings.pool)
        self._tenants: dict[bytes, UUID] = {}
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or follow the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        tenant = self._tenants.get(dict(scope["headers"]).get(b"authorization", b""))
        if tenant is None:
            await _answer(send, 401, b"{}")
        elif scope["path"] == "/floor/list" and scope["query_string"] in PAGES:
            await _answer(send, 200, await self._list(tenant, scope["query_string"]))
        elif scope["path"] == "/floor/create" and scope["method"] == "POST":
            await _answer(send, 201, await self._create(tenant, await _body(receive)))
        else:
            await _answer(send, 404, b"{}")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        for _ in range(self._settings.pool):
            self._idle.append(await _connect(self._settings.dsn))
        rows = await self._idle[0].fetch("SELECT token, tenant_id FROM tokens")
        self._tenants = {b"Bearer " + token.encode(): tenant for token, tenant in rows}
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for connection in self._idle:
            await connection.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _fetch(self, text: str, *args: object) -> Sequence[asyncpg.Record]:
        async with self._room:
            connection = self._idle.pop()
            try:
                rows: Sequence[asyncpg.Record] = await connection.fetch(text, *args)
            finally:
                self._idle.append(connection)
        return rows

    async def _list(self, tenant: UUID, query: bytes) -> bytes:
        size, text = PAGES[query]
        rows = await self._fetch(text, tenant)
        page = [Asset(*row) for row in rows[:size]]
        cursor = next_ = None
        if len(rows) > size:
            last = page[-1]
            place = str(last.id).encode()
            cursor = urlsafe_b64encode(place).decode()
            next_ = f"/floor/list?per_page={size}&cursor={cursor}"
        return self._envelope(
            page,
            {"next_cursor": cursor, "per_page": size},
            {"self": "/floor/list", "next": next_, "prev": None},
        )

    async def _create(self, tenant: UUID, body: bytes) -> bytes:
        new, now = read_body(body), datetime.now(UTC)
        asset = Asset(
            uuid7(), 1, new.name, new.tag, None, None, None, None, EMPTY,
            "in_service", now, now,
        )  # fmt: skip
        text = encode(asset).decode()
        await self._fetch(
            CREATE, tenant, asset.id, now, new.name, new.tag, uuid7(), uuid7(),
            f"{next(self._numbers):032x}", f'{{"new":{text}}}', text,
        )  # fmt: skip
        return self._envelope(asset, None, {"self": f"/floor/list/{asset.id}"})

    def _envelope(self, data: object, pages: object, links: object) -> bytes:
        return encode(
            {
                "success": True,
                "message": "",
                "data": data,
                "meta": {
                    "request_id": f"{next(self._numbers):032x}",
                    "timestamp": datetime.now(UTC),
                    "version": "v1",
                    "pagination": pages,
                },
                "links": links,
            }
        )


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def build() -> Floor:
    """Make the application for the server process."""
    return Floor(FloorSettings())  # type: ignore[call-arg]  # read from the environment
