"""Commands: made from a server's offer while the command line is read, the asked-for alone."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from insula.cli.group import Group
from insula.cli.remote import values
from insula.cli.remote.calling import USUAL, Call, Said, body_of
from insula.cli.remote.offer import Branch, Verb
from insula.cli.remote.refusals import Refused
from insula.cli.remote.showing import Shown

Perform = Callable[[Call, Shown], None]

COMMON: Mapping[str, tuple[Any, Any]] = {
    "as_json": (
        Annotated[bool, typer.Option("--json", help="Print one JSON document.")],
        False,
    ),
    "as_lines": (
        Annotated[bool, typer.Option("--jsonl", help="Print a JSON line a row.")],
        False,
    ),
}
LISTING: Mapping[str, tuple[Any, Any]] = {
    "limit": (Annotated[int, typer.Option(min=1, help="So many rows.")], USUAL),
    "every": (Annotated[bool, typer.Option("--all", help="All rows.")], False),
}
WRITING: Mapping[str, tuple[Any, Any]] = {
    "sets": (
        Annotated[
            list[str] | None,
            typer.Option("--set", metavar="NAME=VALUE", help="A field; := for JSON."),
        ],
        None,
    ),
    "data": (
        Annotated[
            str | None,
            typer.Option(metavar="JSON", help="All fields: JSON, @file, - for stdin."),
        ],
        None,
    ),
}
ONCE: Mapping[str, tuple[Any, Any]] = {
    "idempotency_key": (
        Annotated[str | None, typer.Option(help="To go on after a lost answer.")],
        None,
    )
}
BASED: Mapping[str, tuple[Any, Any]] = {
    "version": (
        Annotated[int | None, typer.Option(help="Only if it is still this version.")],
        None,
    )
}
SURE: Mapping[str, tuple[Any, Any]] = {
    "yes": (Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")], False)
}
FILE: Mapping[str, tuple[Any, Any]] = {
    "file": (Annotated[Path | None, typer.Option(help="Else what is on stdin.")], None)
}
OUT: Mapping[str, tuple[Any, Any]] = {
    "out": (Annotated[Path | None, typer.Option(help="Else stdout.")], None)
}
TAKEN = frozenset(
    {"json", "jsonl", "limit", "all", "set", "data", "yes", "file", "out", "help"}
    | {"idempotency-key", "version", "per-page", "cursor", "page"}
)
"""Options that mean the same everywhere; a field of such a name is given by ``--set``."""


def grown(offer: Callable[[], Branch], perform: Perform) -> type[Group]:
    """The group of a branch of what a server offers."""

    class Grown(Group):
        """What is offered there."""

        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # of the base
            branch = offer()
            return sorted({*branch.branches, *branch.verbs})

        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # of the base
            return command(offer(), cmd_name, perform)

    return Grown


def command(branch: Branch, name: str, perform: Perform) -> Any:
    """The command of a name, a group or a verb; None if there is none."""
    made = typer.Typer(rich_markup_mode=None, add_completion=False)
    if verb := branch.verbs.get(name):
        made.command(help=verb.summary)(function(verb, perform))
    elif inner := branch.branches.get(name):
        group = grown(lambda: inner, perform)
        words = ", ".join(sorted({*inner.branches, *inner.verbs}))
        made = typer.Typer(
            cls=group, no_args_is_help=True, help=words, add_completion=False
        )
        made.callback()(lambda: None)
    else:
        return None
    found = get_command(made)
    found.name = name
    return found


def function(verb: Verb, perform: Perform) -> Callable[..., None]:
    """The function of a verb, whose parameters are its options."""
    options = dict(_options(verb))
    query = {slot: it["name"] for slot, it in _queried(verb)}
    fields = dict(_filled(verb))

    def run(**given: Any) -> None:
        shown = Shown(as_json=given["as_json"], as_lines=given["as_lines"])
        said = {slot: it for slot, it in given.items() if it not in (None, [], False)}
        plain = {slot for slot in said if slot in Said.__slots__}
        found = Said(**{slot: said[slot] for slot in plain})
        found.query = {
            name: _worded(said[slot]) for slot, name in query.items() if slot in said
        }
        try:
            asked = {name: said[slot] for slot, name in fields.items() if slot in said}
            found.body = {
                **values.data(said.get("data")),
                **body_of(verb, asked, said.get("sets", ())),
            }
            call = Call(verb, found, shown)
        except Refused as refused:
            shown.refused(refused)
            raise typer.Exit(refused.code) from None
        perform(call, shown)

    parameters = [
        inspect.Parameter(
            slot, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
        )
        for slot, (kind, default) in options.items()
    ]
    vars(run)["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {slot: kind for slot, (kind, _) in options.items()}
    return run


def _options(verb: Verb) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if "{id}" in verb.path:
        kind = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
        yield "key", (kind, inspect.Parameter.empty)
    for slot, it in _queried(verb):
        yield slot, _query_option(it)
    for slot, name in _filled(verb):
        yield slot, _field_option(verb, name)
    groups = (
        (verb.paged, LISTING),
        (verb.takes_json, WRITING),
        ("{id}" in verb.path and verb.method != "GET", BASED),
        (verb.has("Idempotency-Key"), ONCE),
        (verb.destroys, SURE),
        (verb.file_type is not None, FILE),
        (verb.method == "GET", OUT),
        (True, COMMON),
    )
    for applies, group in groups:
        if applies:
            yield from group.items()


def _queried(verb: Verb) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, it in enumerate(verb.parameters("query")):
        name = it["name"].replace("_", "-")
        if name.replace("-", "").isalnum() and name not in TAKEN:
            yield f"query_{number}", it


def _filled(verb: Verb) -> Iterator[tuple[str, str]]:
    taken = TAKEN | {it["name"].replace("_", "-") for _, it in _queried(verb)}
    for number, name in enumerate(verb.fields):
        if name.replace("_", "-") not in taken:
            yield f"field_{number}", name


def _query_option(said: Mapping[str, Any]) -> tuple[Any, Any]:
    flag = f"--{said['name'].replace('_', '-')}"
    schema, words = said["schema"], said.get("description", "")
    if schema.get("type") == "boolean":
        return Annotated[bool, typer.Option(flag, help=words)], False
    choices = "|".join(map(str, schema.get("enum", ())))
    metavar = choices or schema.get("format") or schema.get("type", "text")
    return Annotated[
        str | None, typer.Option(flag, metavar=metavar.upper(), help=words)
    ], None


def _field_option(verb: Verb, name: str) -> tuple[Any, Any]:
    schema = verb.fields[name]
    many = "array" in values.kinds(schema, verb)
    option = typer.Option(
        f"--{name.replace('_', '-')}",
        metavar=values.described(schema, verb).upper() or "TEXT",
        help=schema.get("description", ""),
    )
    kind = list[str] | None if many else str | None
    return Annotated[kind, option], None


def _worded(said: Any) -> str:
    return "true" if said is True else str(said)
