"""Imports: what a row costs that is checked, audited and told, over the least it can cost.

The floors write the same rows into a table of the same shape, as its owner: COPY from
memory, and INSERT from arrays in batches of the same size. Neither checks anything, and
neither has row-level security, an audit row, an event or handles by which somebody is known.
"""

import asyncio
import csv
import io
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import asyncpg
from rich.table import Table

from benchmarks.floor_server import free_port
from benchmarks.platform import make_tenant
from benchmarks.postgres import embedded_postgres
from insula.kernel.database.bootstrap import opened
from insula.kernel.database.home import Isolation
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.settings import Settings
from insula.kernel.identity.passwords import hash_password
from insula.kernel.resource.imports.detecting import open_table
from insula.kernel.resource.imports.mapping import Instructions
from insula.kernel.resource.imports.rows import BATCH
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import Platform, open_platform
from insula.server.scheduler import system_context

ROWS = 100_000
RESOURCE = "people.contacts"
COLUMNS = ("tenant_id", "id", "version", "created_at", "updated_at", "name", "email",
           "phone", "source", "score", "custom")  # fmt: skip
CASTS = ("uuid", "uuid", "bigint", "timestamptz", "timestamptz", "varchar", "varchar",
         "varchar", "varchar", "bigint", "text")  # fmt: skip
GIVEN = ("Ada", "Bo", "Cleo", "Dara", "Edda", "Farid", "Grete")
FAMILY = ("Abel", "Brandt", "Castro", "Duarte", "Engel")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Figures:
    """Rows a second of each way, and what our own needed of memory."""

    rows: int
    rates: Mapping[str, float]
    grown: Mapping[str, float]

    def document(self) -> Mapping[str, object]:
        """The figures for programs."""
        copied = self.rates["copy"]
        over = {name: copied / rate for name, rate in self.rates.items()}
        return {
            "rows": self.rows,
            "rows_per_second": self.rates,
            "over_copy": over,
            "grown_mib": self.grown,
        }

    def table(self) -> Table:
        """The same for people."""
        shown = Table(title=f"{self.rows} rows", box=None, padding=(0, 2))
        for name in ("way", "rows/s", "cost over COPY", "over INSERT", "memory grew"):
            shown.add_column(name, justify="left" if name == "way" else "right")
        for name, rate in self.rates.items():
            grown = self.grown.get(name)
            shown.add_row(
                name,
                f"{rate:,.0f}",
                f"{self.rates['copy'] / rate:.1f}",
                f"{self.rates['insert'] / rate:.1f}",
                "" if grown is None else f"{grown:.0f} MiB",
            )
        return shown


def measure_imports(say: Say) -> Figures:
    """Write the same rows in every way."""
    with tempfile.TemporaryDirectory(prefix="insula-bench-") as directory:
        data_dir = Path(directory)
        data_dir.chmod(0o755)  # PostgreSQL's own user must get through to its folder
        with embedded_postgres(data_dir):
            return asyncio.run(
                _measure(Settings(data_dir=data_dir, port=free_port()), say)
            )


async def _measure(settings: Settings, say: Say) -> Figures:
    rates: dict[str, float] = {}
    grown: dict[str, float] = {}
    async with open_platform(settings) as house:
        tenant = await make_tenant(
            house, "imports", Isolation.shared, await hash_password("a-long-passphrase")
        )
        # First, so that the floors' rows in memory are not counted as ours.
        for name, options in (
            ("import", Instructions()),
            ("again, by match", Instructions(match="email")),
        ):
            say(f"ours: {name}")
            before, began = _peak(), time.perf_counter()
            await _import(house, tenant, options)
            rates[name] = ROWS / (time.perf_counter() - began)
            grown[name] = _peak() - before
        async with _floor(house, tenant) as floor:
            for name, way in (("copy", _copy), ("insert", _insert)):
                say(f"the floor: {name}")
                rates[name] = await _rate(way, floor)
    return Figures(ROWS, rates, grown)


@asynccontextmanager
async def _floor(house: Platform, tenant: Tenant) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the tables' owner, and a table of the same shape."""
    async with opened(house.homes.owner(tenant.home)) as connection:
        await connection.execute(
            f"SET search_path = {tenant.home.schema}; CREATE TABLE floor"
            " (LIKE people_contacts INCLUDING ALL);"
            " ALTER TABLE floor ALTER custom TYPE text"  # the driver has no other
        )
        yield connection
        await connection.execute("DROP TABLE floor")


async def _rate(
    way: Callable[[asyncpg.Connection], Awaitable[None]], floor: asyncpg.Connection
) -> float:
    await floor.execute("TRUNCATE floor")
    began = time.perf_counter()
    await way(floor)
    return ROWS / (time.perf_counter() - began)


def _records(start: int, count: int) -> list[tuple[object, ...]]:
    moment, tenant = now(), UUID(int=1)
    return [
        (tenant, uuid7(), 1, moment, moment, *_person(at), 0, "{}")
        for at in range(start, start + count)
    ]


async def _copy(floor: asyncpg.Connection) -> None:
    await floor.copy_records_to_table(
        "floor", records=_records(0, ROWS), columns=COLUMNS
    )


async def _insert(floor: asyncpg.Connection) -> None:
    arrays = ", ".join(f"${at}::{cast}[]" for at, cast in enumerate(CASTS, start=1))
    names = ", ".join(COLUMNS)
    text = (
        f"INSERT INTO floor ({names}) SELECT {names}"
        f" FROM unnest({arrays}) AS i({names})"
    )
    for start in range(0, ROWS, BATCH):
        records = _records(start, BATCH)
        await floor.execute(text, *map(list, zip(*records, strict=True)))


async def _import(house: Platform, tenant: Tenant, said: Instructions) -> None:
    ctx = await system_context(house, tenant.id)
    with tempfile.TemporaryFile() as file:
        _write(file)
        work = house.engine.importer(RESOURCE).prepare(ctx, open_table(file), said)
        report = await work.run()
    assert report.failed == 0, report.errors[:3]
    assert report.created + report.existing == ROWS


def _write(file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    rows = csv.writer(text)
    rows.writerow(("name", "email", "phone", "source"))
    rows.writerows(map(_person, range(ROWS)))
    text.flush()
    text.detach()


def _person(at: int) -> tuple[str, str, str, str]:
    """Name, address, number and source."""
    name = f"{GIVEN[at % len(GIVEN)]} {FAMILY[at // 7 % len(FAMILY)]} {at}"
    return name, f"person{at}@crowd.test", f"+4930{20_000_000 + at}", f"source{at % 4}"


def _peak() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
