"""What the commands that run the server have in common: their options and their end."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from insula.cli.command import CannotOpen, explain
from insula.cli.output import Output
from insula.kernel.database.embedded import EmbeddedError
from insula.kernel.foundation.errors import Problem
from insula.kernel.foundation.settings import Settings

Port = Annotated[int | None, typer.Option(help="Else INSULA_PORT, or 8000.")]
Host = Annotated[str | None, typer.Option(help="Else INSULA_HOST, or 127.0.0.1.")]


def start(
    context: typer.Context,
    options: Mapping[str, Any],
    run: Callable[[Settings], int],
) -> None:
    """Run with the settings that the options name; exits with the server's code."""
    root = {"data_dir": context.find_root().params.get("data_dir")}
    chosen = {k: v for k, v in {**root, **options}.items() if v is not None}
    output = Output(as_json=False)
    code = 1
    try:
        code = run(Settings(**chosen))
    except Problem as problem:
        output.problem(problem)
    except (EmbeddedError, OSError, ValueError) as error:
        output.problem(CannotOpen(reason=explain(error)))
    raise typer.Exit(code)
