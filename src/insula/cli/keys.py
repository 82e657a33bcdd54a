"""``insula keys``: what access tokens are signed with."""

from typing import Annotated

import typer

from insula.cli.command import AsJson, Yes, confirm, perform
from insula.cli.output import Output
from insula.kernel.identity.signing_keys import SigningKeyView
from insula.server.platform import Platform

app = typer.Typer(help="The keys that sign access tokens.")

Compromised = Annotated[
    bool,
    typer.Option(help="Sign at once, and believe no token of an earlier key."),
]
QUESTION = "Every access token stops to work, until it is refreshed. Go on?"


@app.callback()
def root() -> None:
    """The keys that sign access tokens."""


@app.command()
def rotate(
    context: typer.Context,
    compromised: Compromised = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Publish a new key; it signs in ten minutes, when everybody knows it."""
    output = Output(as_json=as_json)
    if compromised:
        confirm(QUESTION, yes=yes)

    async def work(platform: Platform) -> SigningKeyView:
        return await platform.signing_keys.rotate(drop_older=compromised)

    output.one(perform(context, output, work))


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the keys, the oldest first."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> list[SigningKeyView]:
        return list(await platform.signing_keys.list())

    output.many(perform(context, output, work), ("kid", "signs_from", "state"))
