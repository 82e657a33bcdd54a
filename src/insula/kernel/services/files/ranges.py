"""Ranges: which part of a file a caller asks for (RFC 9110, 14)."""

import re
from dataclasses import dataclass

from insula.kernel.foundation.errors import Problem

RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


class RangeUnsatisfiable(Problem):
    """The file has {size} bytes: there is no such part of it."""

    status = 416
    code = "RANGE_NOT_SATISFIABLE"


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from ``start`` up to ``end``."""

    start: int
    end: int


def asked_span(header: bytes | None, size: int) -> Span | None:
    """The one part that is asked for; None for the whole file.

    Several parts, or what is no range at all, mean the whole, as the standard allows.
    """
    found = None if header is None else RANGE.fullmatch(header.decode("latin-1"))
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        span = Span(max(0, size - int(suffix)), size)
    else:
        span = Span(int(first), min(size, int(last) + 1) if last else size)
        if last and int(last) < int(first):
            return None
    if span.start >= span.end:
        raise RangeUnsatisfiable(size=size)
    return span
