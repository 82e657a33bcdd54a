"""Ranks: keys between which there is always room for another, for rows in an order.

A key is a fraction's digits to the base of 62, compared as bytes. A new row's key is
its time, so rows come in the order in which they were made without anybody looking for
the last one. Between two keys a new one is made near the one with more digits: that is
where somebody has been sorting, and where the next is likely to go. So it takes ten
thousand moves to one place to make keys a few digits longer; two places in turn cost a
sixth of a digit each, and in the end the keys are made anew (``spread``).
"""

import secrets
import string
from uuid import UUID

from insula.kernel.foundation.ids import uuid7

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
BASE = len(DIGITS)
LEVEL = 4
"""Digits by which keys grow when there is no room."""
STEP = 100
"""How far from its neighbour a key is made, at most."""
LONGEST = 64
"""Digits that a column has for a key."""
WIDTH = 22
"""Digits that the 128 bits of an id need."""
_VALUES = {digit: value for value, digit in enumerate(DIGITS)}


def _number(key: str, width: int) -> int:
    found = 0
    for digit in key.ljust(width, DIGITS[0]):
        found = found * BASE + _VALUES[digit]
    return found


def _text(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, value = divmod(number, BASE)
        digits.append(DIGITS[value])
    return "".join(reversed(digits))


def fresh_rank(made: UUID | None = None) -> str:
    """The key of a new row: behind all rows that were made before it."""
    return _text((made or uuid7()).int | 1, WIDTH)


def _between(low: int, high: int, lean: int) -> int | None:
    """A number between two, near one of them as ``lean`` says, that ends in no zero."""
    room = high - low - 1
    if room < 2:
        return None
    step = 1 + secrets.randbelow(min(STEP, room // 2 or 1))
    middle = low + room // 2
    found = {1: low + step, -1: high - step}.get(lean, middle)
    if found % BASE == 0:
        found += 1 if found + 1 < high else -1
    return found if low < found < high else None


def between(before: str | None, after: str | None) -> str | None:
    """A key between two, either of which may be missing; None when there is no room.

    Two callers who ask at the same time may get the same key: it is unique where it is
    kept, and the second asks again.
    """
    if before is None and after is None:
        return fresh_rank()
    first, last = before or "", after or ""
    if after is None:
        first = max(first, fresh_rank())
        return first if first != before else _deeper(first, "", len(first))
    lean = (len(first) > len(last)) - (len(first) < len(last))
    width = max(len(first), len(last))
    found = _between(_number(first, width), _number(last, width), lean)
    return _deeper(first, last, width) if found is None else _text(found, width)


def _deeper(first: str, last: str, width: int) -> str | None:
    """A key in the middle, with so many more digits."""
    width += LEVEL
    if width > LONGEST:
        return None
    top = _number(last, width) if last else BASE**width
    found = _between(_number(first, width), top, 0)
    return None if found is None else _text(found, width)


def spread(count: int) -> list[str]:
    """Keys for so many rows, in order and with room, all behind every older key."""
    start = (uuid7().int >> 80) + 1 << 80  # the next millisecond is theirs
    step = 2**80 // (count + 1)
    return [_text((start + step * at) | 1, WIDTH) for at in range(1, count + 1)]
