"""Identifiers: the words by which a person is known, found and taken out of texts.

Matches are whole words whatever their case; letters that are written in two ways in
Unicode, and the forms that an address takes in links and pages, count as the same.
"""

import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from insula.kernel.database.columns import Holds

SHORTEST = 4
"""Characters: shorter words stand for too many other things."""
ERASED = "[erased]"
LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')
"""A string inside JSON; all that is no string is left as it stands."""
VALUE = r'(?:"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*)'
ADDRESS = re.compile(r"[@%:/]")
"""Signs of an address where a name should be: its words are everybody's, as ``test`` is."""
NUMBER_GAP = r"[\s()./\-]*"
WANTED = (Holds.name, Holds.email, Holds.phone, Holds.address, Holds.network)


class Identifier(NamedTuple):
    """One thing by which a person is known."""

    holds: Holds
    text: str


def identifiers(values: Iterable[tuple[Holds, str]]) -> frozenset[Identifier]:
    """What is worth looking for among the values of a person's own columns."""
    found = {
        Identifier(holds, part)
        for holds, value in values
        if holds in WANTED
        for part in _parts(holds, value)
    }
    return frozenset(it for it in found if len(it.text) >= SHORTEST)


def of_words(words: Iterable[str]) -> frozenset[Identifier]:
    """What somebody says that a person is known by; digits alone are a number."""
    kinds = ((_kind(word), word) for word in words)
    return identifiers(kinds)


def _kind(word: str) -> Holds:
    digits = sum(it.isdigit() for it in word)
    return (
        Holds.phone
        if digits >= 6 and not re.search(r"[^\d\s+()./\-]", word)
        else Holds.network
    )


def _parts(holds: Holds, value: str) -> Iterator[str]:
    yield value.strip()
    if holds is Holds.name and not ADDRESS.search(value):
        yield from re.findall(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*", value)
    elif holds is Holds.address:
        lines = (line.strip() for line in re.split(r"[\n,;]", value))
        yield from (line for line in lines if re.search(r"\d", line))


class Redactor:
    """Takes one person's identifiers out of texts and documents."""

    def __init__(
        self, wanted: Iterable[Identifier], keys: Iterable[str] = (), put: str = ERASED
    ) -> None:
        forms = sorted({it for one in wanted for it in _forms(one)}, key=_longest)
        joined = "|".join(forms) or r"(?!)"
        # Letters and digits alone make a word longer: file names join with "_".
        self._pattern = re.compile(rf"(?<![^\W_])(?:{joined})(?![^\W_])", re.IGNORECASE)
        names = "|".join(re.escape(key) for key in keys) or r"(?!)"
        self._keyed = re.compile(
            rf'("(?:{names})"\s*:\s*)(?:{VALUE}|\[\s*(?:{VALUE}|null)'
            rf"(?:\s*,\s*(?:{VALUE}|null))*\s*\])"
        )
        self._put = put

    def text(self, text: str, put: str | None = None) -> str:
        """A text without the person; JSON with escaped letters inside is understood."""
        clean = self._pattern.sub(put or self._put, text)
        return self.document(clean) if r"\u" in clean else clean

    def document(self, text: str) -> str:
        """A JSON text without the person, numbers and spaces as they were."""
        if "\\" not in text and self._pattern.search(text) is None:
            return text  # most tell of nobody; to look into each string costs tenfold
        return LITERAL.sub(self._literal, text)

    def _literal(self, match: re.Match[str]) -> str:
        try:
            value = json.loads(match[0])
        except ValueError:
            return match[0]
        clean = self.text(value)
        return match[0] if clean == value else json.dumps(clean, ensure_ascii=False)

    def own_document(self, text: str) -> str:
        """The same for a document about the person: the values of personal keys go too."""
        return self._keyed.sub(rf'\1"{self._put}"', self.document(text))


def _longest(form: str) -> tuple[int, str]:
    return -len(form), form


def _forms(one: Identifier) -> Iterator[str]:
    """The patterns of the ways in which an identifier is written."""
    if one.holds is Holds.phone:
        digits = re.findall(r"\d", one.text)
        if len(digits) >= SHORTEST:  # "ask at the desk" is no number to look for
            yield rf"\+?{NUMBER_GAP.join(digits)}"
    written = {unicodedata.normalize(form, one.text) for form in ("NFC", "NFD")}
    for text in written:
        for form in (text, quote(text), quote(text, safe="@"), html.escape(text)):
            yield r"\s+".join(re.escape(word) for word in form.split())
