"""Filters: from SCIM's words to a condition in SQL (RFC 7644, 3.4.2.2).

Every value is an argument, every column is named here: a filter brings no SQL along.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from scim2_models import AttributeBinding, InvalidFilterException, ScimFilter
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
    coerce_value,
)

MOST_TERMS = 40
"""Comparisons in one filter; a directory asks for one or two."""

SIGNS = {
    CompareOperator.gt: ">",
    CompareOperator.ge: ">=",
    CompareOperator.lt: "<",
    CompareOperator.le: "<=",
}
PARTS = {
    CompareOperator.co: "strpos({0}, {1}) > 0",
    CompareOperator.sw: "starts_with({0}, {1})",
    CompareOperator.ew: "right({0}, length({1})) = {1}",
}


@dataclass(frozen=True, slots=True)
class Many:
    """An attribute of several values: where they are, and what each of them has."""

    source: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the attributes of a resource are, by their fields here."""

    single: Mapping[tuple[str, str | None], str]
    several: Mapping[str, Many] = field(default_factory=dict)


class Where(FilterVisitor[str]):
    """The condition of a filter, and the values that it compares with."""

    def __init__(self, asked: ScimFilter[Any], columns: Columns, first: int) -> None:
        self._filter, self._columns, self._first = asked, columns, first
        self.values: list[object] = []
        self._within: str | None = None
        self._terms = 0

    def visit_comparison(self, node: Comparison) -> str:
        """One attribute and one value."""
        self._count()
        bound = self._filter.resolve_comparison(self._path(node.attr_path))
        if bound is None:
            raise InvalidFilterException(detail="this cannot be filtered by")
        column, many = self._column(bound)
        if many is None:
            return self._compared(column, bound, node)
        if node.op is CompareOperator.ne:  # none of them equals it
            equal = Comparison(node.attr_path, CompareOperator.eq, node.value)
            return f"NOT {_exists(many, self._compared(column, bound, equal))}"
        return _exists(many, self._compared(column, bound, node))

    def visit_present(self, node: Present) -> str:
        """Whether an attribute has any value."""
        self._count()
        bound = self._filter.resolve(self._path(node.attr_path))
        if bound is None:
            return "false"
        column, many = self._column(bound)
        there = f"({column}) IS NOT NULL"
        return there if many is None else _exists(many, there)

    def visit_not(self, node: Not) -> str:
        """What the inner part refuses, and what it cannot tell."""
        return f"({self.visit(node.expr)}) IS NOT TRUE"

    def visit_logical_expr(self, node: LogicalExpr) -> str:
        """All of the parts, or any."""
        joiner = " AND " if node.op is LogicalOperator.and_ else " OR "
        return f"({joiner.join(self.visit(term) for term in node.terms)})"

    def visit_value_path(self, node: ValuePath) -> str:
        """One value of several that meets all of a filter."""
        bound = self._filter.resolve(node.attr_path)
        many = None if bound is None else self._columns.several.get(bound.field_name)
        if many is None or self._within is not None:
            raise InvalidFilterException(detail="this cannot be filtered by")
        self._within = node.attr_path.attr
        try:
            inner = self.visit(node.val_filter)
        finally:
            self._within = None
        return _exists(many, inner)

    def _count(self) -> None:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise InvalidFilterException(detail="the filter has too many parts")

    def _path(self, path: AttrPath) -> AttrPath:
        return path if self._within is None else AttrPath(self._within, path.attr)

    def _column(self, bound: AttributeBinding) -> tuple[str, Many | None]:
        name, sub = bound.field_name, bound.sub_field_name
        many = self._columns.several.get(name)
        if many is None:
            column = self._columns.single.get((name, sub))
        else:
            column = many.columns.get(sub or "value")
        if column is None:
            raise InvalidFilterException(detail=f"{bound.urn} cannot be filtered by")
        return column, None if self._within is not None else many

    def _compared(self, column: str, bound: AttributeBinding, node: Comparison) -> str:
        value = coerce_value(bound, node.value, node.op)
        if value is None:
            there = node.op is CompareOperator.ne
            return f"({column}) IS {'NOT ' if there else ''}NULL"
        if isinstance(value, bool | datetime):
            return self._plain(column, node.op, value)
        text = str(value.value if isinstance(value, Enum) else value)
        if "\x00" in text:
            return "true" if node.op is CompareOperator.ne else "false"
        return self._text(column, node.op, text, exact=bound.case_exact)

    def _plain(self, column: str, op: CompareOperator, value: object) -> str:
        """Of what is no text: booleans and times."""
        kind = "boolean" if isinstance(value, bool) else "timestamptz"
        if isinstance(value, datetime) and value.tzinfo is None:
            raise InvalidFilterException(detail="a time must have an offset")
        given = self._given(value, kind)
        if op is CompareOperator.ne:
            return f"({column}) IS DISTINCT FROM {given}"
        sign = "=" if op is CompareOperator.eq else SIGNS.get(op)
        if sign is None:
            raise InvalidFilterException(detail="this is no text")
        return f"({column}) {sign} {given}"

    def _text(
        self, column: str, op: CompareOperator, value: str, *, exact: bool
    ) -> str:
        left, right = f"({column})", self._given(value, "text")
        if not exact:
            left, right = f"lower({left})", f"lower({right})"
        if op is CompareOperator.eq:
            return f"{left} = {right}"
        if op is CompareOperator.ne:
            return f"{left} IS DISTINCT FROM {right}"
        if op in PARTS:
            return PARTS[op].format(left, right)
        return f'{left} COLLATE "C" {SIGNS[op]} {right}'

    def _given(self, value: object, kind: str) -> str:
        self.values.append(value)
        return f"${self._first + len(self.values) - 1}::{kind}"


def _exists(many: Many, condition: str) -> str:
    return f"EXISTS (SELECT FROM {many.source} WHERE {condition})"  # ours


def condition(
    asked: ScimFilter[Any] | None, columns: Columns, first: int
) -> tuple[str, Sequence[object]]:
    """A condition over the view ``v``, and its values from ``$first`` on."""
    if asked is None:
        return "true", ()
    where = Where(asked, columns, first)
    return where.visit(asked.ast), where.values
