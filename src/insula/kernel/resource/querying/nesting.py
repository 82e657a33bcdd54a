"""Nesting: what is included as SQL, each row with its related rows as JSON inside.

Whatever is read so is looked up after the page was cut, row by row, by its own primary
key or by the index of its reference. ``r`` is the outermost row.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from insula.kernel.access.context import Context
from insula.kernel.database.session import HOME
from insula.kernel.resource.querying.includes import MOST_CHILDREN, TRUNCATED, Part
from insula.kernel.resource.shape import Facet
from insula.kernel.resource.statements import LIVE, Numbers

SECONDS = 'YYYY-MM-DD"T"HH24:MI:SS'
MOMENT = (
    "to_char({0} AT TIME ZONE 'UTC', CASE WHEN date_trunc('second', {0}) = {0}"
    f" THEN '{SECONDS}\"Z\"' ELSE '{SECONDS}.US\"Z\"' END)"
)
"""A time as it is outside of nested JSON, which PostgreSQL would write differently."""


def values_for(parts: Sequence[Part], ctx: Context) -> list[Any]:
    """The values that the included rows' scopes take, in the statement's order."""
    found: list[Any] = []
    for part in parts:
        scope = part.inclusion.target.scoping.of(ctx.actor, "read")
        found += () if scope is None else scope.args
        found += values_for(part.parts, ctx)
    return found


def wanted(parts: Sequence[Part]) -> Iterator[str]:
    """The fields of a row by which its parts are found."""
    for part in parts:
        yield "id" if part.inclusion.many else part.inclusion.column


def added(parts: Sequence[Part]) -> list[str]:
    """What parts add to a row, in the order of its columns."""
    names = [part.name for part in parts]
    return names + [TRUNCATED] * any(part.inclusion.many for part in parts)


def nested(
    parts: Sequence[Part], numbers: Numbers, outer: str = "r", level: int = 1
) -> tuple[list[str], str]:
    """What parts add to a row: to its columns, and to what these are taken from."""
    columns, joins, many = list[str](), "", dict[str, str]()
    for at, part in enumerate(parts):
        if part.inclusion.many:
            source = f"m{level}_{at}"
            rows = _children(part, numbers, outer, level)
            joins += f" LEFT JOIN LATERAL ({rows}) {source} ON true"
            columns.append(f"{source}.found AS {part.name}")
            many[part.name] = source
        else:
            columns.append(f"({_one(part, numbers, outer, level)}) AS {part.name}")
    if many:
        marks = ", ".join(
            f"CASE WHEN {source}.more THEN '{name}' END"
            for name, source in many.items()
        )
        array = f"array_remove(ARRAY[{marks}]::text[], NULL)"
        columns.append(f"to_json({array}) AS {TRUNCATED}")
    return columns, joins


def _one(part: Part, numbers: Numbers, outer: str, level: int) -> str:
    found = f"c.id = {outer}.{part.inclusion.column}"
    rows = f"{_rows(part, numbers, found)} LIMIT 1"
    shown, joins = _shown(part, numbers, level)
    return (
        f"SELECT row_to_json(x) FROM (SELECT {shown}"  # noqa: S608  # our names
        f" FROM ({rows}) r{level}{joins}) x"
    )


def _children(part: Part, numbers: Numbers, outer: str, level: int) -> str:
    """The first of them by id, which an index finds, in the order that is theirs."""
    found = f"c.{part.inclusion.column} = {outer}.id"
    number = "row_number() OVER (ORDER BY c.id) AS n__"
    rows = f"{_rows(part, numbers, found, number)} ORDER BY c.id"
    shown, joins = _shown(part, numbers, level)
    place = part.place
    order = "l.n__" if place is None else f"l.{place}__, l.n__"
    also = "" if place is None else f", r{level}.{place} AS {place}__"
    return (
        f"SELECT COALESCE(json_agg(l.x ORDER BY {order})"  # noqa: S608  # our names
        f" FILTER (WHERE l.n__ <= {MOST_CHILDREN}), '[]'::json) AS found,"
        f" count(*) > {MOST_CHILDREN} AS more FROM (SELECT r{level}.n__{also},"
        f" (SELECT row_to_json(x) FROM (SELECT {shown}) x) AS x"
        f" FROM ({rows} LIMIT {MOST_CHILDREN + 1}) r{level}{joins}) l"
    )


def _rows(part: Part, numbers: Numbers, found: str, more: str = "") -> str:
    target = part.inclusion.target
    needed = dict.fromkeys((*part.fields, *wanted(part.parts)))
    if part.place is not None:
        needed[part.place] = None
    columns = [f"c.{name}" for name in needed] + ([more] if more else [])
    live = LIVE if target.shape.trashable else ""
    scope = target.scoping.sql(numbers, part.reach)
    return (
        f"SELECT {', '.join(columns)}"  # noqa: S608  # our names
        f" FROM {HOME}.{target.resource.table.name} c"
        f" WHERE c.tenant_id = ctx.tenant_id AND {found}{live}{scope}"
    )


def _shown(part: Part, numbers: Numbers, level: int) -> tuple[str, str]:
    """The fields of an included row and what is inside of it, each as JSON has it."""
    target, row = part.inclusion.target, f"r{level}"
    columns, joins = nested(part.parts, numbers, row, level + 1)
    facets = (target.shape.facets[name] for name in part.fields)
    kind = f"'{target.resource.type}'::text AS type"
    return ", ".join((kind, *(_json(it, row) for it in facets), *columns)), joins


def _json(facet: Facet, row: str) -> str:
    name = f"{row}.{facet.name}"
    if facet.cast != "timestamptz":
        return name
    return f"{MOMENT.format(name)} AS {facet.name}"
