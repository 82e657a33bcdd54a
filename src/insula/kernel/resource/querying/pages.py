"""Pages: the SQL of a list, one text for each form of question."""

from dataclasses import dataclass

from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.resource.querying.includes import Part
from insula.kernel.resource.querying.nesting import nested
from insula.kernel.resource.querying.offer import Key
from insula.kernel.resource.querying.selecting import ordered
from insula.kernel.resource.querying.tagging import Beside
from insula.kernel.resource.shape import Facet
from insula.kernel.resource.statements import Numbers, Within, names


@dataclass(frozen=True, slots=True)
class Page:
    """The form of a list: everything about it but the values."""

    shown: tuple[Facet, ...]
    """The fields of the answer; what is included comes behind them."""
    extra: tuple[Facet, ...]
    """What else must be known of a row; it comes last."""
    parts: tuple[Part, ...]
    keys: tuple[Key, ...]
    after: bool
    """Whether it begins behind a row, whose keys are given."""
    limit: int | None
    """How many rows; without it, it is the last argument but those of the parts."""
    beside: tuple[Beside, ...] = ()
    """What comes right behind the fields and stands in other tables."""
    counted: bool = False
    """Whether it is one of numbered pages: with the number of all, from an offset on."""


def listing(origin: Within, page: Page, within: Within) -> Statement:
    """A page of rows, one more than ``limit`` to tell whether there is a next.

    Arguments: those of ``origin``, where rows come from, and of ``within``, then, if
    ``after``, the last row's keys, or the offset of a numbered page, then the limit
    unless it is in the text, and those of the parts. The limit is a literal where it
    can be, because ``LIMIT $n`` is planned anew every time. What is included is looked
    up for the rows of the page alone.
    """
    numbers = Numbers()
    table = origin(numbers)
    source = f"{table} c WHERE c.tenant_id = ctx.tenant_id{within(numbers)}"
    behind = f" AND {following(page.keys, numbers)}" if page.after else ""
    offset = f" OFFSET {numbers.next('bigint')}" if page.counted else ""
    limit = numbers.next("bigint") if page.limit is None else page.limit + 1
    rows = (
        f"SELECT {names((*page.shown, *page.extra), 'c')} FROM {source}{behind}"  # noqa: S608  # our names
        f" ORDER BY {ordered(page.keys, 'c')} LIMIT {limit}{offset}"
    )
    columns, joins = _columns(page, numbers)
    if not page.counted:
        return Statement(
            f"WITH {CONTEXT} SELECT {columns}"  # noqa: S608  # our names
            f" FROM ctx CROSS JOIN LATERAL ({rows}) r{joins}"
        )
    return Statement(
        f"WITH {CONTEXT} SELECT {columns}, t.total FROM ctx"  # noqa: S608  # our names
        f" CROSS JOIN LATERAL (SELECT count(*) AS total FROM {source}) t"
        f" LEFT JOIN LATERAL ({rows}) r ON true{joins}"
    )


def _columns(page: Page, numbers: Numbers) -> tuple[str, str]:
    """What a statement answers of ``r``, and from where it takes the parts."""
    added, joins = nested(page.parts, numbers)
    beside = [f"({it.sql('r')}) AS {it.name}" for it in page.beside]
    every = [names(page.shown, "r"), *beside, *added]
    if page.extra:
        every.append(names(page.extra, "r"))
    return ", ".join(every), joins


def reading(table: str, page: Page, within: Within) -> Statement:
    """One row with what is included in it.

    Arguments: the id, then those of ``within`` and of the parts.
    """
    numbers = Numbers(used=2)
    scope = within(numbers)
    columns, joins = _columns(page, numbers)
    return Statement(
        f"WITH {CONTEXT} SELECT {columns}"  # noqa: S608  # our names
        " FROM ctx CROSS JOIN LATERAL"
        f" (SELECT {names((*page.shown, *page.extra), 'c')}"
        f" FROM {HOME}.{table} c WHERE c.tenant_id = ctx.tenant_id"
        f" AND c.id = $2::uuid{scope} LIMIT 1) r{joins}"
    )


def following(keys: tuple[Key, ...], numbers: Numbers) -> str:
    """The condition that a row comes behind the one whose keys are given."""
    values = numbers.all(key.facet.cast for key in keys)
    fields = [f"c.{key.facet.name}" for key in keys]
    signs = ["<" if key.descending else ">" for key in keys]
    if len(set(signs)) == 1:
        return f"({', '.join(fields)}) {signs[0]} ({', '.join(values)})"
    *before, last = zip(fields, signs, values, strict=True)
    found = " ".join(last)
    for field, sign, value in reversed(before):
        found = f"{field} {sign} {value} OR ({field} = {value} AND ({found}))"
    # What bounds the first key is said apart: an index begins there.
    return f"{fields[0]} {signs[0]}= {values[0]} AND ({found})"
