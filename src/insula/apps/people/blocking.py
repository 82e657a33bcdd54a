"""Blocking: which contacts are compared at all, by texts that an index knows.

A comparison of trigrams reads every row of a tenant behind its policy; texts that are
equal are found at once. PostgreSQL works them out of the contact's own fields, so that
they are never stale, whoever writes.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func

Row = Mapping[str, Any]


def by_name(row: Row) -> Any:
    """The beginnings of family and given name: ``lov.ad``."""
    return _beginnings(_family(row), _given(row))


def by_name_swapped(row: Row) -> Any:
    """The same, were they swapped."""
    return _beginnings(_given(row), _family(row))


def by_place(row: Row) -> Any:
    """The postcode and the beginning of the street's name; NULL without both."""
    letters = func.ltrim(row["street"], "0123456789 /-")
    return row["postcode"] + "." + func.lower(func.left(letters, 4))


def named(given: str, family: str) -> str:
    """What ``by_name`` makes of a name."""
    return f"{family[:3].lower()}.{given[:2].lower()}"


def _given(row: Row) -> ColumnElement[str]:
    return func.coalesce(row["given_name"], func.split_part(row["name"], " ", 1))


def _family(row: Row) -> ColumnElement[str]:
    return func.coalesce(row["family_name"], func.split_part(row["name"], " ", -1))


def _beginnings(first: ColumnElement[str], second: ColumnElement[str]) -> Any:
    return func.lower(func.left(first, 3)) + "." + func.lower(func.left(second, 2))
