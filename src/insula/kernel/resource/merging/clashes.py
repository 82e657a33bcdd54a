"""Clashes: what of two rows must not be side by side, and who gives way in a merge.

Rows of two owners may be alike where rows of one must differ: each had a main address.
When the owners become one, the row that arrives clashes with the one that is there. By
default it stays behind with its old owner, in the trash if it has one; a rule that
``yields`` has it come along changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Index, Table
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from insula.kernel.database.model import sql_text
from insula.kernel.resource.merging.pointers import Pointer
from insula.kernel.resource.rules import Unique


@dataclass(frozen=True, slots=True)
class Clash:
    """What may not be twice with one owner: expressions, each with its operator."""

    compared: tuple[tuple[str, str], ...]
    where: str
    yields: Mapping[str, Any] = field(default_factory=dict)

    def sql(self, pointer: Pointer, home: str) -> str:
        """The ids of arriving rows (``$2``) that clash with one that is there (``$3``)."""
        shown = "".join(
            f", {expression} AS e{at}"
            for at, (expression, _) in enumerate(self.compared)
        )
        some = f" AND ({self.where})" if self.where else ""

        def of(owner: str) -> str:
            return (
                f"(SELECT id{shown} FROM {home}.{pointer.name}"  # noqa: S608  # our names
                f" WHERE tenant_id = $1::text::uuid"
                f" AND {pointer.column} = {owner}::{pointer.cast}{pointer.only}{some})"
            )

        meeting = " AND ".join(
            f"b.e{at} {operator} a.e{at}"
            for at, (_, operator) in enumerate(self.compared)
        )
        return f"SELECT b.id FROM {of('$2')} b JOIN {of('$3')} a ON {meeting or 'true'}"  # noqa: S608  # our names


def clashes_of(pointer: Pointer) -> tuple[Clash, ...]:
    """What can clash when rows get another owner in that column."""
    return (*_unique(pointer), *_excluded(pointer))


def _unique(pointer: Pointer) -> Iterator[Clash]:
    for index in sorted(pointer.table.indexes, key=lambda it: str(it.name)):
        if not index.unique:
            continue
        keys = [_said(it) for it in index.expressions]
        if pointer.column not in keys:
            continue
        rule = pointer.resource.rules.get(str(index.name))
        yields = rule.yields if isinstance(rule, Unique) else {}
        compared = tuple((it, "=") for it in keys if _is_other(it, pointer))
        yield Clash(compared, _where(index), {k.key: v for k, v in yields.items()})


def _excluded(pointer: Pointer) -> Iterator[Clash]:
    for rule in pointer.table.constraints:
        if not isinstance(rule, ExcludeConstraint):
            continue
        pairs = [(_said(it), str(by)) for it, _, by in rule._render_exprs]
        if not any(key == pointer.column and by == "=" for key, by in pairs):
            continue
        compared = tuple(it for it in pairs if _is_other(it[0], pointer))
        yield Clash(compared, "" if rule.where is None else _text(rule.where))


def _is_other(key: str, pointer: Pointer) -> bool:
    return key not in ("tenant_id", pointer.column)


def _said(expression: Any) -> str:
    if isinstance(expression, Column):
        return str(expression.name)
    return expression if isinstance(expression, str) else _text(expression)


def _text(clause: Any) -> str:
    return sql_text(clause) if isinstance(clause, ColumnElement) else str(clause)


def _where(index: Index) -> str:
    found = index.dialect_options["postgresql"]["where"]
    return "" if found is None else _text(found)


def trashable(table: Table) -> bool:
    """Whether its rows go to the trash rather than away."""
    return "deleted_at" in table.columns
