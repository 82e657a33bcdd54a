"""``insula plans``: what tenants can subscribe to."""

import typer

from insula.cli.command import AsJson, perform
from insula.cli.output import Output
from insula.kernel.plans.standard import list_plans

app = typer.Typer(add_completion=False, help="See what tenants can subscribe to.")

COLUMNS = ("slug", "name", "price", "currency", "isolation", "is_active")


@app.callback()
def root() -> None:
    """See what tenants can subscribe to."""


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the plans, the cheapest first."""
    output = Output(as_json=as_json)
    found = perform(context, output, lambda platform: list_plans(platform.control))
    output.many(found, COLUMNS)
