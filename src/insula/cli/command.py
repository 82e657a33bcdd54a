"""Commands: each opens the platform, does one thing, and says what came of it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from insula.cli.output import Output
from insula.kernel.database.embedded import EmbeddedError
from insula.kernel.foundation.errors import Invalid, Problem
from insula.kernel.foundation.settings import Settings
from insula.server.platform import Platform, open_platform

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


class CannotOpen(Problem):
    """The platform cannot be opened: {reason}"""

    code = "CANNOT_OPEN"


class VariableMissing(Invalid):
    """The environment variable {name} is not set, or empty."""

    code = "VARIABLE_MISSING"


def perform(
    context: typer.Context, output: Output, work: Callable[[Platform], Awaitable[T]]
) -> T:
    """Do the work on the platform that the options name; a problem ends the command."""
    return guarded(output, lambda: asyncio.run(_opened(settings_of(context), work)))


def guarded(output: Output, work: Callable[[], T]) -> T:
    """Do the work; a problem is told and ends the command."""
    try:
        return work()
    except Problem as problem:
        output.problem(problem)
    except (EmbeddedError, OSError, ValueError) as error:
        output.problem(CannotOpen(reason=explain(error)))
    raise typer.Exit(1)


async def _opened(settings: Settings, work: Callable[[Platform], Awaitable[T]]) -> T:
    async with open_platform(settings) as platform:
        return await work(platform)


def settings_of(context: typer.Context) -> Settings:
    """The settings, as the environment and the options before the command say."""
    data_dir = context.find_root().params.get("data_dir")
    return Settings() if data_dir is None else Settings(data_dir=data_dir)


def explain(error: Exception) -> str:
    """What is wrong with the options or the machine, in one line."""
    if isinstance(error, ValidationError):
        return "; ".join(wrong["msg"] for wrong in error.errors())
    return str(error)


def secret_from(variable: str) -> str:
    """A secret from the environment: on the command line, every user could read it."""
    value = os.environ.get(variable)  # noqa: TID251  # the caller names the variable
    if not value:
        raise VariableMissing(name=variable)
    return value


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that is hard to take back; ``--yes`` has answered already."""
    if not yes:
        typer.confirm(question, abort=True, err=True)
