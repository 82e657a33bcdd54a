"""``insula api``: everything that a server offers as its API, from a shell."""

from collections.abc import Callable
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, TypeVar

import httpx2
import typer

from insula.cli.group import Group
from insula.cli.remote.calling import Call
from insula.cli.remote.commands import command
from insula.cli.remote.offer import Branch, Offer
from insula.cli.remote.refusals import Refused
from insula.cli.remote.sending import Line
from insula.cli.remote.settings import cache_folder, server
from insula.cli.remote.showing import Shown

T = TypeVar("T")
TOLD = Shown(as_json=False, as_lines=False)
UNNAMED = "Say which server: INSULA_URL=https://…, and INSULA_TOKEN with a key for it."
HELP = """Ask a server for whatever it offers: insula api users list.

INSULA_URL says which server, INSULA_TOKEN who asks, INSULA_TENANT which tenant if the
token does not say it; INSULA_PROFILE names such a set in profiles.toml instead.
"""


class Remote:
    """The server that the environment names, asked when the first command needs it."""

    transport: httpx2.BaseTransport | None = None
    """What carries requests, where it is not the network."""

    @cached_property
    def line(self) -> Line:
        """The line to it."""
        found = server()
        if found is None:
            raise Refused(UNNAMED)
        return Line(found, self.transport)

    @cached_property
    def offer(self) -> Offer:
        """What it offers."""
        return Offer(self.line, cache_folder())

    def root(self) -> Branch:
        """The tree of what it offers; a problem ends the command."""
        return ending(lambda: self.offer.root)

    def perform(self, call: Call, shown: Shown) -> None:
        """Do what was asked for; a problem ends the command."""
        ending(lambda: call.perform(self.line), shown)

    def find(self, name: str) -> Any:
        """The commands of a name; unknown ones may be newer than what was kept."""
        found = command(self.root(), name, self.perform)
        if found is None:
            self.offer.refresh()
            found = command(self.root(), name, self.perform)
        return found


def ending(work: Callable[[], T], shown: Shown = TOLD) -> T:
    """Do it; a refusal is told, and ends the command with its code."""
    try:
        return work()
    except Refused as refused:
        shown.refused(refused)
        raise typer.Exit(refused.code) from None


def shortcut(name: str) -> Any:
    """What a server offers by that name, or None: ``insula maintenance assets list``."""
    if ending(server) is None:
        if name in entry_points(group="insula.apps").names:
            ending(lambda: Remote().line)
        return None
    return Remote().find(name)


class Offered(Group):
    """All that the server offers."""

    @cached_property
    def remote(self) -> Remote:
        """The server."""
        return Remote()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # of the base
        """The names of it."""
        return sorted(self.remote.root().branches)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # of the base
        """The commands of one name."""
        return self.remote.find(cmd_name)


app = typer.Typer(cls=Offered, help=HELP, no_args_is_help=True, add_completion=False)


@app.callback()
def root() -> None:
    """Ask a server for whatever it offers."""
