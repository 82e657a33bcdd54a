"""``insula up``: everything on one machine, in the foreground, until Ctrl-C."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from insula.cli.running import Host, Port, start
from insula.kernel.foundation.settings import Settings
from insula.server.demo import Entrance, demo_password
from insula.server.running import run

app = typer.Typer(help="Start everything: database, API, scheduler.")


@app.command()
def up(
    context: typer.Context,
    port: Port = None,
    host: Host = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where data lives.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Make three tenants.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Server processes.")] = 1,
) -> None:
    """Start everything and serve until Ctrl-C or SIGTERM."""
    start(
        context,
        {"port": port, "host": host, "data_dir": data_dir},
        lambda settings: run(
            settings,
            demo=demo,
            workers=workers,
            tell=lambda entrances: tell(settings, entrances),
        ),
    )


def tell(settings: Settings, entrances: list[Entrance]) -> None:
    """Print that the platform is ready, the ways in, and what to try first."""
    console = Console(highlight=False, soft_wrap=True)
    port, domain = settings.port, settings.base_domain
    console.print(f"[bold green]Insula is ready[/] at http://{domain}:{port}")
    if not entrances:
        console.print(
            "Make a tenant:  ./run insula tenants create acme --name Acme"
            " --owner owner@acme.test --password-env ACME_PW"
        )
        return
    for it in entrances:
        place = f"http://{it.host}:{port}"
        console.print(f"  {it.name:20}{place:36}{it.email:24}{it.isolation}")
    password = demo_password(settings.key())
    console.print(f"Everybody's password here: [bold]{password}[/]")
    host = entrances[1].host
    console.print(THINGS.format(host=host, port=port, email=entrances[1].email,
                                password=password), markup=False)  # fmt: skip


THINGS = """Three things to try:
1. Sign in:
   curl -s -H 'Host: {host}' -H 'Content-Type: application/json' \\
     -d '{{"email":"{email}","password":"{password}"}}' \\
     http://127.0.0.1:{port}/api/v1/auth/login
2. See its machines, with the access_token of the answer:
   curl -s -H 'Host: {host}' -H "Authorization: Bearer $TOKEN" \\
     http://127.0.0.1:{port}/api/v1/maintenance/assets
3. Try the same token on another tenant's host, and be refused."""
