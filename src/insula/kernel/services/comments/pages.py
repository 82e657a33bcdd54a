"""Pages of what hangs on a row: the newest first, each page behind an id."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from insula.kernel.access.operation import Parameter
from insula.kernel.database.pool import Record
from insula.kernel.foundation.errors import BadRequest
from insula.kernel.foundation.ids import parse_uuid

USUAL, LARGEST = 25, 100
PAGING = (
    Parameter("cursor", "From `meta.pagination.next_cursor`."),
    Parameter(
        "per_page",
        "At most so many.",
        {"type": "integer", "minimum": 1, "maximum": LARGEST, "default": USUAL},
    ),
)


class BadPage(BadRequest):
    """The parameter {name} has a value that is not understood here."""

    code = "INVALID_QUERY"


class Page(NamedTuple):
    """Which part is wanted: what comes behind an id, and how much of it."""

    after: UUID | None
    size: int


def page_of(query: Mapping[str, str]) -> Page:
    """What a query asks for; raises ``BadPage``."""
    text, cursor = query.get("per_page", str(USUAL)), query.get("cursor")
    known = text.isascii() and text.isdigit() and len(text) < 4
    if not known or not 1 <= int(text) <= LARGEST:
        raise BadPage(name="per_page")
    after = None if cursor is None else parse_uuid(cursor)
    if cursor is not None and after is None:
        raise BadPage(name="cursor")
    return Page(after, int(text))


def next_page(
    rows: Sequence[Record], page: Page
) -> tuple[Sequence[Record], str | None]:
    """The rows of a page of which one too many was fetched, and where the next begins."""
    shown = rows[: page.size]
    more = len(rows) > page.size
    return shown, str(shown[-1]["id"]) if more else None
