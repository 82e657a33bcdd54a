"""The ``insula`` command: what it can do, each part loaded only when it is asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from insula.cli.group import Group
from insula.kernel.foundation.loading import load_module

COMMANDS: Mapping[str, str] = {
    "up": "up",
    "serve": "serve",
    "worker": "worker",
    "jobs": "jobs",
    "migrate": "migrate",
    "doctor": "doctor",
    "audit": "audit",
    "tenants": "tenants",
    "apps": "apps",
    "plans": "plans",
    "import": "importing",
    "export": "exporting",
    "schedules": "schedules",
    "operators": "operators",
    "webhooks": "webhooks",
    "personal-data": "privacy",
    "mail": "mail",
    "migrations": "migrations",
    "key": "key",
    "keys": "keys",
    "api": "api",
}
"""Each command, and the module of this package whose ``app`` holds it."""


class Commands(Group):
    """Finds a command in the module of its name, and leaves the others unread."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # of the base
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # of the base
        if cmd_name not in COMMANDS:
            return load_module("insula.cli.api").shortcut(cmd_name)
        module = load_module(f"insula.cli.{COMMANDS[cmd_name]}")
        command = get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Commands,
    help="Runs Insula, and manages the tenants that live in it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def root(
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where data lives; else INSULA_DATA_DIR.", show_default=False
        ),
    ] = None,
) -> None:
    """Runs Insula, and manages the tenants that live in it."""
