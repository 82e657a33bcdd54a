"""Groups of commands that are looked up by name, and say which name was near."""

from typing import Any

from typer.core import TyperGroup


class Group(TyperGroup):
    """Finds its commands when they are asked for, so it has none to compare with before."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is named, or an error that names those which are near."""
        self.commands = dict.fromkeys(self.list_commands(ctx), self)
        return super().resolve_command(ctx, args)
