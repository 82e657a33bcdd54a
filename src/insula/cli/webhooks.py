"""``insula webhooks``: who may make tenants here by signed messages."""

from dataclasses import dataclass
from typing import Annotated

import typer

from insula.cli.command import AsJson, Yes, confirm, perform
from insula.cli.output import Output
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.services.webhooks.inbound import PATH
from insula.kernel.services.webhooks.inbound_sources import InboundSources, SourceView
from insula.server.platform import Platform

app = typer.Typer(help="Webhooks that come in.")
inbound = typer.Typer(help="The sources of signed messages.")
app.add_typer(inbound, name="inbound")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The source's name.")]


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A source's secret, which is shown this once, and where it sends to."""

    name: str
    secret: str
    path: str = PATH


@app.callback()
def root() -> None:
    """Webhooks that come in."""


def _sources(platform: Platform) -> InboundSources:
    return InboundSources(platform.control, Sealer(platform.key))


@inbound.command()
def add(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Make a source; its secret is printed once."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> NewSecret:
        return NewSecret(name, await _sources(platform).add(name))

    output.one(perform(context, output, work))


@inbound.command()
def rotate(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Give a source a new secret; the one before is good for another day."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> NewSecret:
        return NewSecret(name, await _sources(platform).rotate(name))

    output.one(perform(context, output, work))


@inbound.command()
def remove(
    context: typer.Context, name: Name, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Take nothing from a source any more."""
    output = Output(as_json=as_json)
    confirm(f"Remove the source {name}?", yes=yes)

    async def work(platform: Platform) -> None:
        await _sources(platform).remove(name)

    perform(context, output, work)


@inbound.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the sources."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> list[SourceView]:
        return list(await _sources(platform).list())

    output.many(perform(context, output, work), ("name", "created_at"))
