"""``insula worker``: runs the jobs, beside any number of servers and other workers."""

import typer

from insula.cli.running import start
from insula.server.running import work_only

app = typer.Typer(help="Run jobs; the database and the API run elsewhere.")


@app.command()
def worker(context: typer.Context) -> None:
    """Run jobs until SIGTERM, in as many processes as there is work for.

    INSULA_WORKERS_MIN and INSULA_WORKERS_MAX are the bounds, 1 and 10.
    """
    start(context, {}, work_only)
