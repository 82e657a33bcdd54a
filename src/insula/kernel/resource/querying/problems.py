"""Problems: what is said of a query that is not understood."""

from collections.abc import Iterable

from insula.kernel.foundation.errors import BadRequest


class BadQuery(BadRequest):
    """The query is not understood: {reason}."""

    code = "INVALID_QUERY"


def named(names: Iterable[str]) -> str:
    """Names for a sentence that tells what is offered."""
    return ", ".join(names) or "none"


def clipped(text: str) -> str:
    """What a caller wrote, short enough to be repeated."""
    return text[:80]
