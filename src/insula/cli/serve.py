"""``insula serve``: the API alone, on a database that runs already."""

from typing import Annotated

import typer

from insula.cli.running import Host, Port, start
from insula.server.running import serve_only

app = typer.Typer(help="Serve the API; the database runs elsewhere.")


@app.command()
def serve(
    context: typer.Context,
    port: Port = None,
    host: Host = None,
    workers: Annotated[int, typer.Option(min=1, help="Server processes.")] = 1,
) -> None:
    """Serve until SIGTERM, as one of any number of equal processes."""
    start(
        context,
        {"port": port, "host": host},
        lambda settings: serve_only(settings, workers=workers),
    )
