"""Searchable tables: what PostgreSQL is given so that a tenant's rows can be searched.

Behind a policy PostgreSQL asks no index for a search, because the operators are not
leakproof (D2b). So each searchable table has a function that runs as a role of its own,
``<prefix>_search``, which a policy lets read the table, and which nobody can become. Its
tenant is that of the transaction, never an argument, and it answers with ids.

The words in the index begin with a mark of their tenant and of their field. A prefix is
looked up among the words of one tenant alone, however many share the table; that a word
is in the first field, or in one that the caller may see, the index knows by itself.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Enum, String, Table, Text

from insula.kernel.database.cluster import EXTENSIONS
from insula.kernel.database.model import short_name
from insula.kernel.database.search_functions import (
    ALIKE_BODY,
    ARGUMENTS,
    BODY,
    FOLD,
    MOST_FOUND,
    NUMBERS,
    PLAIN,
    THRESHOLD,
    VERY_ALIKE,
    WORDS,
    common,
)
from insula.kernel.database.walls import SEARCH_POLICY, Roles

SEARCHABLE = "searchable"
"""Set in a table's ``info``: the names of the columns that are searched, best first."""
MOST_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a searchable table; its name says what it is made of."""

    name: str
    table: str
    using: str


class Searchable:
    """One searchable table: its indexes, its function and who may call that."""

    def __init__(self, table: Table, *, alike: bool = True) -> None:
        self.table, self._alike = str(table.name), alike
        self.fields: tuple[str, ...] = table.info[SEARCHABLE]
        columns = [table.c[name] for name in self.fields]
        self._short = [it.name for it in columns if not isinstance(it.type, Text)]
        self._live = "deleted_at IS NULL" if "deleted_at" in table.columns else ""

    @property
    def function(self) -> str:
        """The name of the function, which is not that of its schema."""
        return function_of(self.table)

    @cached_property
    def indexes(self) -> tuple[Index, ...]:
        """One of words, and one of parts of words where there is the means."""
        found = [self._index("search_words", f"gin (({self._words('')}))")]
        if self._alike and self._short:
            parts = f"({self._text('')}) {EXTENSIONS}.gin_trgm_ops"
            found.append(self._index("search_alike", f"gin (tenant_id, {parts})"))
        return tuple(found)

    def _index(self, prefix: str, using: str) -> Index:
        where = f" WHERE {self._live}" if self._live else ""
        tail = hashlib.sha256(f"{self.table} {using}{where}".encode()).hexdigest()[:12]
        return Index(f"{prefix}_{tail}", self.table, f"{using}{where}")

    def _words(self, alias: str) -> str:
        fields = ", ".join(f"{alias}{name}::text" for name in self.fields)
        return f"{WORDS}({alias}tenant_id, ARRAY[{fields}])"

    def _text(self, alias: str) -> str:
        fields = " || ' ' || ".join(f"coalesce({alias}{it}, '')" for it in self._short)
        return f"{FOLD}({fields})"

    def _shown(self) -> str:
        fields = " || ' ' || ".join(
            f"CASE WHEN '{it}' = ANY (hidden) THEN '' ELSE coalesce(c.{it}, '') END"
            for it in self._short
        )
        return f"{FOLD}({fields})"

    def body(self, schema: str) -> str:
        """What the function does."""
        alike = self._alike and bool(self._short)
        table = f'{schema}."{self.table}"'
        live = f" AND c.{self._live}" if self._live else ""
        said = {**NUMBERS, "table": table, "live": live}
        marks = (
            f"CASE WHEN '{name}' = ANY (hidden) THEN '' ELSE '{chr(97 + at)}' END"
            for at, name in enumerate(self.fields)
        )
        words = {"shown": self._shown(), "text": self._text("c.")} if alike else {}
        return BODY.format(
            **said,
            marks=", ".join(marks),
            words=self._words("c."),
            declared=PLAIN.format(**said) if alike else "",
            alike=ALIKE_BODY.format(**said, **words) if alike else "",
        )

    def settings(self) -> tuple[str, ...]:
        """What holds while the function runs, as PostgreSQL keeps it."""
        threshold = f"{THRESHOLD}={VERY_ALIKE}"
        return (
            "search_path=pg_catalog, pg_temp",
            # Of one tenant's few rows each word is rare: no search needs another plan.
            "plan_cache_mode=force_generic_plan",
            *([threshold] if self._alike and self._short else []),
        )

    def creation(self, schema: str, roles: Roles) -> Iterator[str]:
        """The statements that make the function, by its owner, or make it anew."""
        name = f'{schema}."{self.function}"({ARGUMENTS})'
        settings = "\n".join(f"SET {it}" for it in self.settings())
        yield (
            f"CREATE OR REPLACE FUNCTION {name} RETURNS SETOF uuid\nLANGUAGE plpgsql"
            f" STABLE STRICT SECURITY DEFINER COST 1000 ROWS {MOST_FOUND}\n"
            f"{settings}\nAS $function${self.body(schema)}$function$"
        )
        yield f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC"
        yield f'GRANT EXECUTE ON FUNCTION {name} TO "{roles.tenant}"'

    def opening(self, schema: str, roles: Roles) -> Iterator[str]:
        """The statements that let the function, and nobody else, read the table."""
        name = f'{schema}."{self.table}"'
        yield (
            f"CREATE POLICY {SEARCH_POLICY} ON {name} FOR SELECT"
            f' TO "{roles.search}" USING (true)'
        )
        yield f'GRANT SELECT ON {name} TO "{roles.search}"'


def function_of(table: str) -> str:
    """What the function is called that searches a table."""
    return short_name(table, "search")


def mark_searchable(table: Table, names: Sequence[str]) -> None:
    """Have a table searched by these columns; raises ``ValueError`` for others."""
    if len(names) > MOST_FIELDS:
        raise ValueError(f"more than {MOST_FIELDS} fields are searched")
    for name in names:
        kind = table.c[name].type
        if not isinstance(kind, String) or isinstance(kind, Enum):
            raise ValueError(f"'{name}' is no text to search")
    table.info[SEARCHABLE] = tuple(names)


def searchables(tables: Iterable[Table], *, alike: bool = True) -> list[Searchable]:
    """Those of some tables that are searched."""
    found = [it for it in tables if it.info.get(SEARCHABLE)]
    return [Searchable(it, alike=alike) for it in sorted(found, key=lambda it: it.name)]


def search_digest(tables: Iterable[Table], *, alike: bool = True) -> str:
    """A short name for how these tables are searched: another one, other functions."""
    texts = [*common(""), *(repr(NUMBERS),)]
    for one in searchables(tables, alike=alike):
        texts += [one.body("home"), *one.settings(), *(it.name for it in one.indexes)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
