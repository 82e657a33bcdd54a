"""Queries: what a rich question costs, over the same SQL without anything around it.

The question has a filter, an order, sparse fields and a related row in each row. We are
asked through the whole application: sign-in, permissions, parsing, row-level security,
the envelope. The floor knows the answer's shape beforehand: one prepared statement as the
superuser, whom no policy holds, and the platform's JSON. Both are asked one question
after the other in one process, in turns; what counts is the CPU time of this process and
of PostgreSQL, which is the same on a busy machine.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import asyncpg
import msgspec
from rich.table import Table

from benchmarks.cases import Target
from benchmarks.cpu import cpu_ns
from benchmarks.floor_server import fill, free_port
from benchmarks.platform import make_tenant, sign_in
from benchmarks.postgres import Postgres, embedded_postgres
from insula.kernel.database.home import Isolation
from insula.kernel.foundation.settings import Settings
from insula.kernel.http.application import Visit
from insula.kernel.http.asgi import ASGIApp
from insula.kernel.identity.passwords import hash_password
from insula.kernel.tenancy.tenant import Tenant
from insula.server.build import build_app
from insula.server.platform import open_platform

LIMIT = 3.0
"""How often the floor's cost a question may cost."""
ASSETS, PLACES, QUESTIONS, PAGE = 2_000, 20, 200, 20
UNLIMITED: Mapping[str, Any] = {
    f"limit_{it}": 0 for it in ("anonymous", "auth", "user", "tenant")
}
PATH = "/api/v1/maintenance/assets"
PLAIN = f"per_page={PAGE}"
RICH = (
    f"filter={quote('state==in_service;category=in=(pumps,fans)')}"
    f"&sort=-name&fields=name,tag,state&include=location&per_page={PAGE}"
)
LIST = """
SELECT id, version, name, tag, category, serial, location_id, warranty_until,
       custom::text, state, created_at, updated_at
  FROM {0}.maintenance_assets
 WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY id DESC LIMIT 21
"""
RELATED = """
SELECT c.id, c.name, c.tag, c.state, (SELECT row_to_json(x)::text FROM (
         SELECT 'maintenance.location' AS type, l.id, l.version, l.name, l.parent_id,
                to_char(l.created_at AT TIME ZONE 'UTC', {1}) AS created_at,
                to_char(l.updated_at AT TIME ZONE 'UTC', {1}) AS updated_at) x) AS location
  FROM (SELECT * FROM {0}.maintenance_assets WHERE tenant_id = $1
           AND deleted_at IS NULL AND state = $2 AND category = ANY($3)
         ORDER BY name DESC, id DESC LIMIT 21) c
  LEFT JOIN {0}.maintenance_locations l
    ON l.tenant_id = $1 AND l.id = c.location_id AND l.deleted_at IS NULL
 ORDER BY c.name DESC, c.id DESC
"""
MICROSECONDS = '\'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\''
PLACE = """
INSERT INTO {0}.maintenance_locations
       (tenant_id, id, version, name, created_at, updated_at)
SELECT $1, gen_random_uuid(), 1, 'Hall ' || n, now(), now()
  FROM generate_series(1, $2::int) n
"""
PUT = """
UPDATE {0}.maintenance_assets a SET location_id = l.id
  FROM (SELECT id, row_number() OVER () - 1 AS n FROM {0}.maintenance_locations
         WHERE tenant_id = $1) l
 WHERE a.tenant_id = $1 AND l.n = right(a.tag, 6)::int % $2::int
"""
Ask = Callable[[], Awaitable[bytes]]
Say = Callable[[str], None]


class Unwatched:
    """Watches nothing, and lets faults of the program be seen."""

    def enter(self) -> None:
        """A request begins."""

    def leave(self, visit: Visit) -> None:
        """A request has been answered."""

    def failed(self, _: str, error: BaseException) -> None:
        """A request met a fault of the program."""
        raise error


@dataclass(frozen=True, slots=True)
class Figures:
    """CPU microseconds of each question, by round: ours and the floor's."""

    rounds: Mapping[str, Sequence[tuple[float, float]]]

    def over(self, name: str) -> float:
        """The median of what ours costs over the floor's of the same round."""
        return median(ours / floor for ours, floor in self.rounds[name])

    def us(self, name: str, side: int) -> float:
        """The median of ours, 0, or of the floor's, 1."""
        return median(pair[side] for pair in self.rounds[name])

    def document(self) -> Mapping[str, object]:
        """The figures for programs."""
        found = {
            name: {
                "cpu_us": round(self.us(name, 0), 1),
                "floor_cpu_us": round(self.us(name, 1), 1),
                "ratio": round(self.over(name), 3),
            }
            for name in self.rounds
        }
        return {"questions": found, "limit": LIMIT}

    def table(self) -> Table:
        """The same for people."""
        shown = Table(title=f"One question, median; at most {LIMIT:g}", box=None)
        for name in ("question", "CPU us", "floor CPU us", "ratio"):
            shown.add_column(name, justify="left" if name == "question" else "right")
        for name in self.rounds:
            figures = (f"{self.us(name, side):.0f}" for side in (0, 1))
            shown.add_row(name, *figures, f"{self.over(name):.2f}")
        return shown


def measure_queries(say: Say, rounds: int) -> Figures:
    """Prepare a tenant, and ask both sides in turns."""
    with tempfile.TemporaryDirectory(prefix="insula-bench-") as directory:
        data_dir = Path(directory)
        data_dir.chmod(0o755)  # PostgreSQL's own user must get through to its folder
        with embedded_postgres(data_dir) as postgres:
            settings = Settings(data_dir=data_dir, port=free_port(), **UNLIMITED)
            return asyncio.run(_measure(settings, postgres, say, rounds))


async def _measure(
    settings: Settings, postgres: Postgres, say: Say, rounds: int
) -> Figures:
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_platform(settings))
        hashed = await hash_password("a-long-passphrase")
        tenant = await make_tenant(house, "bench", Isolation.shared, hashed)
        floor = await asyncpg.connect(
            postgres.dsn(tenant.home.login.database), server_settings={"jit": "off"}
        )
        stack.push_async_callback(floor.close)
        await _furnish(floor, tenant)
        target, app = await sign_in(house, tenant), build_app(house, {}, Unwatched())
        sides = {
            "plain": (_ours(app, target, PLAIN), _plain(floor, tenant)),
            "filter, sort, fields, include": (
                _ours(app, target, RICH),
                _rich(floor, tenant),
            ),
        }
        for ours, least in sides.values():
            await _compare(ours, least)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}")
            for name, (ours, least) in sides.items():
                mine = await _taken(ours, postgres.pid)
                theirs = await _taken(least, postgres.pid)
                if number:  # the first is for statements, plans and connections
                    found[name].append((mine, theirs))
        return Figures(found)


async def _furnish(connection: asyncpg.Connection, tenant: Tenant) -> None:
    schema = tenant.home.schema
    await fill(connection, f"{schema}.maintenance_assets", [tenant.id], ASSETS)
    await connection.execute(PLACE.format(schema), tenant.id, PLACES)
    await connection.execute(PUT.format(schema), tenant.id, PLACES)
    await connection.execute("VACUUM ANALYZE")


async def _compare(ours: Ask, least: Ask) -> None:
    """Both sides answer with the same rows, or the figures would mean nothing."""
    one = msgspec.json.decode(await ours())["data"]
    other = msgspec.json.decode(await least())["data"]
    assert len(one) == PAGE
    assert one == other, (one[0], other[0])


async def _taken(ask: Ask, postmaster: int) -> float:
    before = _spent(postmaster)
    for _ in range(QUESTIONS):
        await ask()
    return (_spent(postmaster) - before) / QUESTIONS / 1e3


def _spent(postmaster: int) -> int:
    """Nanoseconds of this process, and of PostgreSQL, which may be its child."""
    mine = cpu_ns((os.getpid(),), without=(postmaster,))
    return mine + cpu_ns((postmaster,))


def _ours(app: ASGIApp, target: Target, query: str) -> Ask:
    """The whole application, asked as a server asks it."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [
            (b"host", target.host.encode()),
            (b"authorization", f"Bearer {target.token}".encode()),
            (b"accept", b"application/json"),
        ],
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 8_000),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def ask() -> bytes:
        said: list[Any] = []

        async def send(message: Any) -> None:
            said.append(message)

        await app(dict(scope), receive, send)
        assert said[0]["status"] == 200, said
        return b"".join(it.get("body", b"") for it in said[1:])

    return ask


class Whole(msgspec.Struct, tag_field="type", tag="maintenance.asset"):
    """A row with all of its fields."""

    id: Any
    version: int
    name: str
    tag: str
    category: str
    serial: str
    location_id: Any
    warranty_until: Any
    custom: msgspec.Raw
    state: str
    created_at: datetime
    updated_at: datetime


class Sparse(msgspec.Struct, tag_field="type", tag="maintenance.asset"):
    """A row with the fields that are asked for, and its place."""

    id: Any
    name: str
    tag: str
    state: str
    location: msgspec.Raw


def _plain(floor: asyncpg.Connection, tenant: Tenant) -> Ask:
    text = LIST.format(tenant.home.schema)

    async def ask() -> bytes:
        rows: Sequence[Any] = (await floor.fetch(text, tenant.id))[:PAGE]
        return _envelope([Whole(*_with_json(it, 8)) for it in rows])

    return ask


def _rich(floor: asyncpg.Connection, tenant: Tenant) -> Ask:
    text = RELATED.format(tenant.home.schema, MICROSECONDS)

    async def ask() -> bytes:
        rows: Sequence[Any] = await floor.fetch(
            text, tenant.id, "in_service", ["pumps", "fans"]
        )
        return _envelope([Sparse(*_with_json(it, 4)) for it in rows[:PAGE]])

    return ask


def _with_json(record: Sequence[Any], place: int) -> Sequence[Any]:
    """The values of a record, of which one is JSON already."""
    values = list(record)
    values[place] = msgspec.Raw(values[place].encode())
    return values


def _envelope(data: object) -> bytes:
    meta = {"request_id": "0" * 32, "timestamp": datetime.now(UTC), "version": "v1"}
    links = {"self": PATH, "next": None, "prev": None}
    return msgspec.json.encode(
        {"success": True, "message": "", "data": data, "meta": meta, "links": links}
    )
