"""Columns: those of a file, found by name, and what texts in them stand for."""

import re
from collections.abc import Callable, Mapping, Sequence

from insula.kernel.foundation.words import Words

NOISE = re.compile(r"[\s_\-]+")
EVERY = "*"
"""In place of a column's name: what is said is meant in every column."""
Meanings = Mapping[str, str | None]
Reading = Callable[[Sequence[str]], str | None]


class Columns:
    """The columns of a file, found by name; case, spaces and underscores are noise.

    ``values`` says by column what texts in it stand for, in whatever case.
    """

    def __init__(
        self, names: Sequence[str], values: Mapping[str, Meanings] | None = None
    ) -> None:
        self.names, self._values = tuple(names), values or {}
        self._places = {name: at for at, name in enumerate(names)}
        self._plain: dict[str, list[str]] = {}
        for name in names:
            self._plain.setdefault(plain(name), []).append(name)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def reading(self, name: str) -> tuple[str, Reading]:
        """The column of that name, and what reads it; raises ``LookupError``."""
        alike = [name] if name in self._places else self._plain.get(plain(name), [])
        if len(alike) != 1:
            raise LookupError(Words("The file has no column '{name}'.", name=name))
        return alike[0], self._read(alike[0])

    def _read(self, name: str) -> Reading:
        at = self._places[name]
        said = {**self._values.get(EVERY, {}), **self._values.get(name, {})}
        if not said:
            return lambda cells: cells[at]
        meanings = {text.casefold(): meant for text, meant in said.items()}

        def read(cells: Sequence[str]) -> str | None:
            text = cells[at]
            return meanings.get(text.casefold(), text)

        return read


def plain(name: str) -> str:
    """A name without what people write differently."""
    return NOISE.sub("", name).casefold()
