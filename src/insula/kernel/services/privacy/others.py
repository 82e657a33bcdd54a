"""Others: what tells of everybody else, taken out of what one person gets to read."""

import re

import msgspec

from insula.kernel.services.privacy.identifiers import LITERAL, Redactor

SOMEBODY = "[somebody else]"
EMAIL = re.compile(r"[\w.+\-%]+@[\w\-]+(?:\.[\w\-]+)+")
WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
LONGEST_NAME = 5
"""Words of a name that is looked for."""


class Others:
    """Takes everybody else out of a text: their names, and every foreign address."""

    def __init__(self, own: Redactor) -> None:
        self._own = own
        self._names: set[tuple[str, ...]] = set()

    def learn(self, name: str) -> None:
        """Remember somebody else's name; one word alone stands for too many things."""
        words = tuple(WORD.findall(name.casefold()))
        if len(words) > 1 and self._own.text(name) == name:
            self._names.add(words)

    def text(self, text: str) -> str:
        """A text without other people."""
        clean = EMAIL.sub(self._address, text)
        words = list(WORD.finditer(clean))
        parts, end, at = [], 0, 0
        while at < len(words):
            length = self._name_at([it[0] for it in words[at : at + LONGEST_NAME]])
            if length:
                parts += [clean[end : words[at].start()], SOMEBODY]
                end = words[at + length - 1].end()
            at += length or 1
        return "".join([*parts, clean[end:]])

    def document(self, text: str) -> str:
        """A JSON text without other people."""
        return LITERAL.sub(self._literal, text)

    def _name_at(self, words: list[str]) -> int:
        lower = [word.casefold() for word in words]
        lengths = range(len(lower), 1, -1)
        return next((it for it in lengths if tuple(lower[:it]) in self._names), 0)

    def _address(self, match: re.Match[str]) -> str:
        return match[0] if self._own.text(match[0]) != match[0] else SOMEBODY

    def _literal(self, match: re.Match[str]) -> str:
        return msgspec.json.encode(self.text(msgspec.json.decode(match[0]))).decode()
