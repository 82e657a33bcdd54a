"""The floor's database and server, on the PostgreSQL that the platform uses."""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg

from benchmarks.cases import HOMES, ROWS, SPREAD, SPREAD_ROWS, Side, Target
from benchmarks.floor import COLUMNS
from benchmarks.postgres import Postgres

ROOT = Path(__file__).parent.parent
DATABASE = "insula_floor"
LIST = "/floor/list?per_page=20"
CREATE = "/floor/create"
START = 20
"""Seconds that a server may take to answer for the first time."""
GRANIAN = (
    *("--interface", "asgi", "--http", "1", "--no-ws", "--loop", "asyncio"),
    *("--workers", "1", "--runtime-mode", "st", "--no-log"),
)
TABLES = """
CREATE TABLE tokens (token text PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE TABLE assets (
  tenant_id uuid NOT NULL, id uuid NOT NULL, version integer NOT NULL,
  name varchar(255) NOT NULL, tag varchar(64) NOT NULL, category varchar(64),
  serial varchar(64), location_id uuid, warranty_until date, custom jsonb NOT NULL,
  state varchar(32) NOT NULL,
  created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX ON assets (tenant_id, tag) WHERE deleted_at IS NULL;
CREATE INDEX ON assets (tenant_id, state, id);
CREATE INDEX ON assets (tenant_id, category, id);
CREATE INDEX ON assets (tenant_id, location_id, id);
CREATE INDEX ON assets (tenant_id, created_at, id);
CREATE INDEX ON assets (tenant_id, name, id);
CREATE TABLE audit_log (
  tenant_id uuid NOT NULL, id uuid NOT NULL, action varchar(100) NOT NULL,
  resource varchar(100) NOT NULL, resource_id uuid, actor_kind varchar(20) NOT NULL,
  actor_id uuid, request_id varchar(64), client varchar(64), changes jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON audit_log (tenant_id, resource_id, id);
CREATE TABLE outbox (
  tenant_id uuid NOT NULL, id uuid NOT NULL, name varchar(100) NOT NULL,
  resource_id uuid, payload jsonb NOT NULL, actor_id uuid, request_id varchar(64),
  sent_at timestamptz, created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON outbox (tenant_id, id) WHERE sent_at IS NULL;
"""
FILL = """
INSERT INTO {table} (tenant_id, {columns})
SELECT tenant, gen_random_uuid(), 1, 'Pump ' || n,
  'P-' || lpad(n::text, 6, '0'), 'pumps', 'SN' || n * 7919, NULL,
  date '2030-01-01' + n % 365, '{{"room": "B12", "power_kw": 7.5}}', 'in_service',
  made, made
FROM unnest($1::uuid[]) AS tenant
CROSS JOIN generate_series(1, $2::integer) AS n,
LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 minute' AS made)
"""


class DidNotStart(Exception):
    """A server ended, or was silent, when it should have begun to answer."""


async def fill(
    connection: asyncpg.Connection, table: str, tenants: Sequence[UUID], rows: int
) -> None:
    """Give tenants the rows that both sides list; the table may be the platform's."""
    text = FILL.format(table=table, columns=COLUMNS)
    await connection.execute(text, tenants, rows)


@contextmanager
def floor_database(postgres: Postgres) -> Iterator[list[Target]]:
    """A database with the floor's tables; its big tenant first, then the many."""
    tenants = asyncio.run(_make_database(postgres))
    try:
        yield tenants
    finally:
        asyncio.run(_drop_database(postgres))


async def _make_database(postgres: Postgres) -> list[Target]:
    await _drop_database(postgres)
    connection = await asyncpg.connect(postgres.dsn())
    await connection.execute(f"CREATE DATABASE {DATABASE}")
    await connection.close()
    connection = await asyncpg.connect(postgres.dsn(DATABASE))
    await connection.execute(TABLES)
    tenants = [uuid4() for _ in range(1 + SPREAD)]
    tokens = [secrets.token_urlsafe(32) for _ in tenants]
    pairs = list(zip(tokens, tenants, strict=True))
    await connection.copy_records_to_table("tokens", records=pairs)
    await fill(connection, "assets", tenants[:1], ROWS)
    await fill(connection, "assets", tenants[1:], SPREAD_ROWS)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    return [Target("127.0.0.1", token) for token in tokens]


async def _drop_database(postgres: Postgres) -> None:
    connection = await asyncpg.connect(postgres.dsn())
    await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    await connection.close()


@contextmanager
def floor_server(
    postgres: Postgres, tenants: Sequence[Target], log: Path
) -> Iterator[Side]:
    """A floor that listens on a free port of this machine."""
    port = free_port()
    command = [sys.executable, "-m", "granian", *GRANIAN, "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--factory", "benchmarks.floor:build"],
            cwd=ROOT,
            env=os.environ | {"INSULA_FLOOR_DSN": postgres.dsn(DATABASE)},
            stdout=output,
            stderr=output,
        )
    try:
        wait_for_port(port, process, log)
        homes = dict.fromkeys(HOMES, tenants[0])
        yield Side(port, process.pid, LIST, CREATE, homes, tenants[1:])
    finally:
        process.terminate()
        process.wait(timeout=30)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once a server answers; raises ``DidNotStart`` if it will not."""
    deadline = time.monotonic() + START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise DidNotStart(f"the server did not start:\n{log.read_text()[-2000:]}")
