"""``insula key``: a new root secret for ``APP_KEY``."""

import typer

from insula.kernel.foundation.settings import make_key

app = typer.Typer(help="Make a root secret for APP_KEY.")


@app.command()
def key() -> None:
    """Print a new root secret; keep it safe, everything is derived from it."""
    typer.echo(make_key())
