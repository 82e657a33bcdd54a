"""Words: sentences for people, which still know what they were made of.

Whoever writes one writes it in English. A catalog finds its translation by the sentence
before the values were put into it, so that is what it keeps.
"""

import re
from collections.abc import Mapping

_HOLE = re.compile(r"\{(\w+)\}")

COUNTED = frozenset(
    {
        "count",
        "days",
        "decimal_places",
        "hours",
        "limit",
        "max_digits",
        "max_length",
        "min_length",
        "minutes",
        "most",
        "rows",
        "seconds",
        "size",
        "whole_digits",
    }
)
"""Values that count what follows them: languages have forms for one, few and many."""


class Words(str):
    """A sentence with its values in place; ``one`` is how it reads for one."""

    __slots__ = ("one", "template", "values")

    one: str
    template: str
    values: Mapping[str, object]

    def __new__(cls, text: str, /, *, one: str = "", **values: object) -> "Words":
        """Put the values in; those that are words themselves are translated too."""
        first = one if one and values.get(counted(text) or "") == 1 else text
        made = super().__new__(cls, first.format_map(values))
        made.template, made.one, made.values = text, one, values
        return made


def verbatim(text: str) -> Words:
    """A sentence without values, whatever it contains."""
    return Words(text.replace("{", "{{").replace("}", "}}"))


def holes(text: str) -> list[str]:
    """The names of the values that a sentence wants, in its order."""
    return _HOLE.findall(text)


def counted(text: str) -> str | None:
    """Which of its values decides the form of a sentence, if any does."""
    return next((name for name in holes(text) if name in COUNTED), None)
