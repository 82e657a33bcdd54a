"""``insula migrations``: for authors, the next migration from what the models say now."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated
from uuid import uuid4

import typer

from insula.cli.command import AsJson, perform
from insula.cli.output import Output
from insula.kernel.database.authoring import NothingChanged, autogenerate
from insula.kernel.database.bootstrap import opened
from insula.kernel.database.control import CONTROL_SCHEMA
from insula.kernel.database.migrations import Migrations
from insula.kernel.foundation.errors import Conflict, NotFound
from insula.kernel.tenancy.series import CONTROL, KERNEL
from insula.server.platform import Platform

app = typer.Typer(help="Write migrations from the models.")


class SeriesUnknown(NotFound):
    """There is no series “{name}”; there are: {known}."""

    code = "SERIES_UNKNOWN"


class NoChange(Conflict):
    """The models of “{name}” are what its last migration makes."""

    code = "NOTHING_CHANGED"


@dataclass(frozen=True, slots=True)
class Written:
    """The file that was written; read it before you commit it."""

    path: str


@app.callback()
def root() -> None:
    """Write migrations from the models."""


@app.command()
def make(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="`control`, `kernel` or an app.")],
    message: Annotated[str, typer.Argument(help="What the migration does.")],
    as_json: AsJson = False,
) -> None:
    """Write the next migration of a series."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> Written:
        series = _series(platform, name)
        async with _scratch(platform) as database:
            login = platform.cluster.owner(database)
            schema = CONTROL_SCHEMA if name == CONTROL.name else "tenant"
            roles = platform.cluster.roles
            try:
                path = await autogenerate(login, schema, series, roles, message)
            except NothingChanged:
                raise NoChange(name=name) from None
        return Written(path)

    output.one(perform(context, output, work))


def _series(platform: Platform, name: str) -> list[Migrations]:
    """The series, with the kernel's before that of an app."""
    if name == CONTROL.name:
        return [CONTROL]
    known = {one.name: one for one in platform.homes.series}
    if name not in known:
        names = ", ".join((CONTROL.name, *known))
        raise SeriesUnknown(name=name, known=names)
    return [KERNEL] if name == KERNEL.name else [KERNEL, known[name]]


@asynccontextmanager
async def _scratch(platform: Platform) -> AsyncIterator[str]:
    """An empty database for the length of the block."""
    database = f"{platform.cluster.prefix}_scratch_{uuid4().hex[:8]}"
    at = platform.cluster.owner(platform.cluster.control)
    async with opened(at) as owner:
        await owner.execute(f"CREATE DATABASE {database}")
        try:
            async with opened(platform.cluster.owner(database)) as inside:
                await inside.execute(
                    f"CREATE SCHEMA {CONTROL_SCHEMA}; CREATE SCHEMA tenant;"
                    " CREATE SCHEMA ext; CREATE EXTENSION btree_gist SCHEMA ext"
                )
            yield database
        finally:
            await owner.execute(f"DROP DATABASE {database} WITH (FORCE)")
