"""Folding: a text as it is compared when it is searched, in SQL and in Python alike.

Letters lose their case, accents and vowel points, look-alikes become one, and all that
is no letter and no digit parts words: ``Müller-Straße`` is ``muller strasse``. It needs
no extension and no dictionary, so that it is the same on every server, for ever: what
is kept in indexes must not change with the server's files.
"""

import re
import unicodedata
from collections.abc import Iterator

MARKS = (
    r"\u00ad\u02b0-\u02ff\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2"
    r"\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc"
    r"\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u2069\u20d0-\u20ff\ufe20-\ufe2f\ufeff"
)
"""What is written above, below and between letters, and cannot be typed in a hurry."""
BREAKS = (
    r"\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7"
    r"\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u0600-\u060f"
    r"\u061b-\u061f\u066a-\u066d\u06d4\u0964\u0965\u1680\u2000-\u206f\u20a0-\u20cf"
    r"\u2190-\u2bff\u2e00-\u2e7f\u3000-\u303f\u30fb\ufe00-\ufe0f\ufffc\ufffd"
)
"""What stands between words."""
LIKE = (
    "øłđðħŧıŋςةىکیگۀہھۃٱ٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹",
    "olddhtinσهيكيكهههها01234567890123456789",  # noqa: RUF001  # that is what it is about
)
"""Single letters and digits that stand for one another."""
LONG = (("ß", "ss"), ("æ", "ae"), ("œ", "oe"), ("þ", "th"))
"""Letters that stand for two."""

_is_mark = re.compile(f"[{MARKS}]+")
_is_break = re.compile(f"[{BREAKS}]+")
_like = str.maketrans(dict(zip(*LIKE, strict=True)) | dict(LONG))


def fold(text: str) -> str:
    """The text as it is compared: words of plain letters with one space between."""
    return _folded(text).strip()


def letters(text: str) -> Iterator[str]:
    """What becomes of each character: letters, nothing, or a space between words."""
    return map(_folded, text)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).lower()
    return _is_break.sub(" ", _is_mark.sub("", plain).translate(_like))


def plain_folding(text: str) -> str:
    """The same of a text without any but the first letters, in half of the time."""
    plain = f"pg_catalog.lower({text})"
    plain = f"pg_catalog.regexp_replace({plain}, '[{BREAKS}]+', ' ', 'g')"
    return f"pg_catalog.btrim({plain})"


def folding(text: str, collation: str) -> str:
    """The same as an SQL expression; ``collation`` knows the case of all letters."""
    plain = f"pg_catalog.lower(pg_catalog.normalize({text}, 'NFKD') {collation})"
    plain = f"pg_catalog.regexp_replace({plain}, '[{MARKS}]+', '', 'g')"
    plain = f"pg_catalog.translate({plain}, '{LIKE[0]}', '{LIKE[1]}')"
    for letter, letters in LONG:
        plain = f"pg_catalog.replace({plain}, '{letter}', '{letters}')"
    plain = f"pg_catalog.regexp_replace({plain}, '[{BREAKS}]+', ' ', 'g')"
    return f"pg_catalog.btrim({plain})"
