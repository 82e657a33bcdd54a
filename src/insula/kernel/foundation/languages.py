"""Languages: which one an answer is written in, and the catalogs of what it says.

Catalogs are gettext's ``.po`` files: ``<folder>/<language>/LC_MESSAGES/*.po``. They are
read when a language is first asked for. English is the source and needs none.
"""

import io
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from insula.kernel.foundation.errors import Problem
from insula.kernel.foundation.words import Words, counted, verbatim

ENGLISH = "en"
MOST_RANGES = 20
"""Languages of a header that are looked at; nobody reads so many."""
_range = re.compile(
    r"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)"
    r"(?:\s*;\s*[qQ]=([01](?:\.[0-9]{0,3})?))?"
)


@lru_cache(maxsize=1024)
def wished(header: str) -> tuple[tuple[str, float], ...]:
    """The languages of an Accept-Language, the dearest first (RFC 9110, 12.5.4)."""
    found = []
    for part in header.split(",", MOST_RANGES)[:MOST_RANGES]:
        matched = _range.fullmatch(part.strip())
        if matched is not None:
            quality = min(float(matched[2] or 1), 1.0)
            found.append((matched[1].lower(), quality))
    return tuple(sorted(found, key=lambda it: -it[1]))


def nearest(wanted: str | None, offered: Iterable[str]) -> str | None:
    """The language that is offered for the wanted one: de for de-AT (RFC 4647, 3.4)."""
    known, left = {it.lower(): it for it in offered}, (wanted or "").lower()
    while left:
        if left in known:
            return known[left]
        left = left.rpartition("-")[0]
    return None


@lru_cache(maxsize=4096)
def choose(
    header: str | None, otherwise: tuple[str | None, ...], offered: tuple[str, ...]
) -> str:
    """The language of an answer: as the header wishes, or else as is usual here.

    ``otherwise`` is what is known of who asks, the nearest first. A language that the
    header refuses is not taken while there is another.
    """
    wishes = () if header is None else wished(header)
    refused = {name for name, quality in wishes if not quality}
    left = tuple(it for it in offered if it.lower() not in refused)
    for name, quality in wishes:
        if name == "*" and quality:
            break
        if quality and (found := nearest(name, left)):
            return found
    for usual in (*otherwise, ENGLISH, *left):
        if found := nearest(usual, left):
            return found
    return ENGLISH


class Catalog:
    """What is said in one language."""

    def __init__(self, language: str, files: Iterable[Path]) -> None:
        self.language = language
        self._found: NullTranslations = NullTranslations()
        for file in files:
            self._found = _read(file, self._found)

    def say(self, text: str, one: str, values: Mapping[str, object]) -> str:
        """The sentence in this language, or in English where it has none."""
        if not text:
            return text  # gettext answers to nothing with the catalog's heading
        number, key = values.get(counted(text) or ""), one or text
        if isinstance(number, int):
            found = self._found.ngettext(key, text, abs(number))
        else:
            found = self._found.gettext(key)
        said = {name: self.words(value) for name, value in values.items()}
        return found.format_map(said)

    def words(self, value: object) -> object:
        """Words in this language; anything else stays as it is."""
        if isinstance(value, Words):
            return self.say(value.template, value.one, value.values)
        return value

    def sentence(self, text: str) -> str:
        """A sentence of ours, with or without values."""
        words = text if isinstance(text, Words) else verbatim(text)
        return self.say(words.template, words.one, words.values)

    def problem(self, problem: Problem) -> str:
        """What a problem says."""
        return self.say(problem.template(), "", problem.details)


def told(text: str, catalog: Catalog | None) -> str:
    """A sentence of ours as plain text; in English without a catalog."""
    return str(text) if catalog is None else catalog.sentence(text)


def _read(file: Path, before: NullTranslations) -> NullTranslations:
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source))
    compiled.seek(0)
    found = GNUTranslations(compiled)
    found.add_fallback(before)
    return found


class Languages:
    """The languages of an installation: the kernel's, and what apps bring for theirs."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._files: dict[str, list[Path]] = {}
        for folder in folders:
            for file in sorted(folder.glob("*/LC_MESSAGES/*.po")):
                language = file.parts[-3].replace("_", "-")
                self._files.setdefault(language, []).append(file)
        self.offered = (ENGLISH, *sorted(self._files))
        self._catalogs: dict[str, Catalog] = {}

    def catalog(self, language: str) -> Catalog | None:
        """What is said in a language that is offered; None: English."""
        if language not in self._files:
            return None
        if language not in self._catalogs:
            self._catalogs[language] = Catalog(language, self._files[language])
        return self._catalogs[language]

    def choose(
        self, headers: Mapping[bytes, bytes], otherwise: Iterable[str | None] = ()
    ) -> Catalog | None:
        """The catalog for the answer to a request with these headers; None: English."""
        header = headers.get(b"accept-language")
        asked = None if header is None else header.decode("latin-1")
        return self.catalog(choose(asked, tuple(otherwise), self.offered))
