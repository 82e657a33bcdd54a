"""Searching: a caller's words as a condition on the rows of a resource.

The words go to the function that the resource's table has in every home. It answers
with ids of the transaction's tenant, the best first; what else a list asks of its rows,
whose they are above all, is asked of those.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any

from insula.kernel.database.search_functions import LONGEST_ASKED, MOST_FOUND
from insula.kernel.database.searchable import function_of
from insula.kernel.database.session import HOME
from insula.kernel.foundation.words import Words
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.querying.problems import BadQuery
from insula.kernel.resource.searching.ranking import RANK
from insula.kernel.resource.statements import Numbers


class Search:
    """Finds the rows of one resource by the words that are in them."""

    def __init__(self, resource: Resource[Any]) -> None:
        self.fields = tuple(attribute.key for attribute in resource.search)
        self._table = resource.table.name
        self._function = f'{HOME}."{function_of(resource.table.name)}"'
        self._hidden: frozenset[str] = frozenset()

    @classmethod
    def of(cls, resource: Resource[Any]) -> "Search | None":
        """That of a resource; None if it has nothing that is searched."""
        return cls(resource) if resource.search else None

    def without(self, hidden: frozenset[str]) -> "Search | None":
        """The same for whom some fields do not exist; None when none is left."""
        shown = tuple(name for name in self.fields if name not in hidden)
        if not shown:
            return None
        search = copy(self)
        search._hidden = frozenset(self.fields) - frozenset(shown)
        search.fields = shown
        return search

    def ids(self, numbers: Numbers, most: int = MOST_FOUND) -> str:
        """The ids of the rows that are found, the best first, as an array."""
        words, hidden = numbers.all(("text", "text[]"))
        return f"ARRAY(SELECT {self._function}({words}, {hidden}, {most}))"

    def source(self, numbers: Numbers, columns: Sequence[str]) -> str:
        """Those rows in the place of their table, each with the place it was found at.

        It is for where a context ``ctx`` comes before it.
        """
        own = ", ".join(f"t.{name}" for name in columns)
        return (
            f"(SELECT {own}, s.{RANK} FROM unnest({self.ids(numbers)})"  # noqa: S608  # our names
            f" WITH ORDINALITY AS s(id, {RANK}) JOIN {HOME}.{self._table} t"
            " ON t.tenant_id = ctx.tenant_id AND t.id = s.id)"
        )

    def condition(self, numbers: Numbers) -> str:
        """The condition that the row ``c`` is one of those."""
        return f"c.id = ANY({self.ids(numbers)})"

    def args(self, text: str) -> tuple[Any, ...]:
        """What ``ids`` and ``condition`` take; raises ``BadQuery``."""
        if "\x00" in text:
            raise BadQuery(reason=Words("a value contains a NUL character"))
        if len(text) > LONGEST_ASKED:
            raise BadQuery(reason=Words("q is longer than what is searched"))
        return text, sorted(self._hidden)
