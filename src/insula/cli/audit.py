"""``insula audit``: shows whether anybody has touched what was done."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bar

from insula.cli.command import AsJson, guarded, perform
from insula.cli.output import Output
from insula.kernel.events.audit.exporting import Reader
from insula.kernel.services.audit.checking import AuditCheck, Head, Outcome
from insula.server.platform import Platform

app = typer.Typer(add_completion=False, help="Show that nobody touched the audit log.")

COLUMNS = ("tenant", "links", "sealed", "erased", "expired", "waiting", "faults")
Tenant = Annotated[
    str | None, typer.Argument(metavar="[TENANT]", help="Its slug or id; else all.")
]
From = Annotated[
    Path | None, typer.Option("--file", help="An export to verify, without a database.")
]


@dataclass(frozen=True, slots=True)
class Verified:
    """One log, and what was found in it."""

    tenant: str
    links: int
    sealed: int
    erased: int
    expired: int
    waiting: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """One log in a file."""

    tenant: str
    file: str
    lines: int


@app.command()
def verify(
    context: typer.Context,
    tenant: Tenant = None,
    file: From = None,
    as_json: AsJson = False,
) -> None:
    """Verify the chain of one tenant, of all, or of a file; exits with 1 on a fault."""
    output = Output(as_json=as_json)
    if file is not None:
        path = file
        found = [guarded(output, lambda: _verify_file(path))]
    else:
        found = perform(context, output, lambda it: _verify(it, tenant, as_json))
    output.many(found, COLUMNS)
    raise typer.Exit(int(any(it.faults for it in found)))


@app.command()
def export(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(help="The tenant's slug or id.")],
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    as_json: AsJson = False,
) -> None:
    """Write a tenant's log with its chain to a file that can be verified anywhere."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> Exported:
        view = await platform.provisioning.find(tenant)
        check = AuditCheck(platform.control, platform.homes)
        with file.open("xb") as writable:
            lines = await check.export(view.id, writable)
        return Exported(view.slug, str(file), lines)

    output.one(perform(context, output, work))


@app.command("keep-heads")
def keep_heads(context: typer.Context, as_json: AsJson = False) -> None:
    """Keep the end of every chain outside its home, as the platform does daily.

    Printed, they can be kept where nobody who reaches the platform can change them.
    """
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> Sequence[Head]:
        return await AuditCheck(platform.control, platform.homes).keep_heads()

    output.many(perform(context, output, work), ("tenant_id", "number", "hash"))


async def _verify(
    platform: Platform, tenant: str | None, as_json: bool
) -> list[Verified]:
    check = AuditCheck(platform.control, platform.homes)
    if tenant is None:
        tenants = list(await check.tenants())
    else:
        tenants = [(await platform.provisioning.find(tenant)).id]
    found = []
    with Bar(console=Console(stderr=True), disable=as_json) as bar:
        task = bar.add_task("logs", total=len(tenants))
        for tenant_id in tenants:
            slug = (await platform.provisioning.find(str(tenant_id))).slug

            def show(seen: int, slug: str = slug) -> None:
                bar.update(task, description=f"{slug}: {seen}")

            found.append(_verified(slug, await check.verify(tenant_id, show)))
            bar.advance(task)
    return found


def _verified(name: str, outcome: Outcome) -> Verified:
    counts = outcome.counts
    return Verified(
        tenant=name,
        links=counts.links,
        sealed=counts.sealed,
        erased=counts.erased,
        expired=counts.expired,
        waiting=counts.waiting,
        faults=tuple(str(fault) for fault in outcome.faults),
    )


def _verify_file(path: Path) -> Verified:
    with path.open("rb") as lines:
        reader = Reader(lines)
        faults = list(reader.faults())
    tenant_id = reader.heading.tenant_id
    outcome = Outcome(tenant_id, reader.verification.counts, faults)
    return _verified(str(tenant_id), outcome)
