"""``insula apps``: which apps there are, and which tenant may use them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from insula.cli.command import AsJson, Yes, confirm, perform
from insula.cli.output import Output
from insula.kernel.catalog.installations import InstallationView
from insula.server.platform import Platform

app = typer.Typer(
    add_completion=False, help="See the apps there are, and give them to tenants."
)

Name = Annotated[str, typer.Argument(metavar="APP", help="The app's name.")]
Tenant = Annotated[str, typer.Option(help="The tenant's slug or id.")]


@dataclass(frozen=True, slots=True)
class AvailableApp:
    """An app that can be installed."""

    app: str
    version: str


@app.command("list")
def list_(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the apps that can be installed, or those of a tenant."""
    output = Output(as_json=as_json)

    async def work(
        platform: Platform,
    ) -> Sequence[AvailableApp] | Sequence[InstallationView]:
        if tenant is None:
            known = sorted(platform.installations.available.items())
            return [AvailableApp(*it) for it in known]
        found = await platform.provisioning.find(tenant)
        return await platform.installations.list(found.id)

    columns = ("app", "version") if tenant is None else ("app", "version", "status")
    output.many(perform(context, output, work), columns)


@app.command()
def install(
    context: typer.Context,
    name: Name,
    tenant: Tenant,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let a tenant use an app."""
    confirm(f"Install {name} for {tenant}?", yes=yes)
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> InstallationView:
        found = await platform.provisioning.find(tenant)
        return await platform.installations.install(found.id, name)

    output.one(perform(context, output, work))


@app.command()
def uninstall(
    context: typer.Context,
    name: Name,
    tenant: Tenant,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take an app from a tenant; its rows stay for the day it comes back."""
    confirm(f"Uninstall {name} from {tenant}?", yes=yes)
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> InstallationView:
        found = await platform.provisioning.find(tenant)
        return await platform.installations.uninstall(found.id, name)

    output.one(perform(context, output, work))
