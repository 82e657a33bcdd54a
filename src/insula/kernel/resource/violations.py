"""Violations: what PostgreSQL refused, told as an error of the caller's field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import ForeignKeyConstraint, Table

from insula.kernel.database.model import BREACH
from insula.kernel.foundation.errors import (
    UNKNOWN,
    Conflict,
    FieldError,
    Invalid,
    Problem,
    Unavailable,
)
from insula.kernel.foundation.words import Words
from insula.kernel.resource.declaration import Resource


class InUse(Conflict):
    """Something else still refers to this."""

    code = "IN_USE"


class Busy(Unavailable):
    """Somebody else is changing the same rows: try again in a moment."""

    code = "BUSY"


class TooSlow(Unavailable):
    """The database needed too long for this: ask for less, or try again."""

    code = "QUERY_TIMEOUT"


class DoesNotFit(Invalid):
    """A value is larger or longer than its field can hold."""


@dataclass(frozen=True, slots=True)
class Breach:
    """Which fields a constraint is about, and the code and words of its breach."""

    fields: tuple[str, ...]
    code: str
    message: str


TAKEN = "The {field} field has already been taken."
REFUSED = "The {field} field does not fit the others."
REQUIRED = "The {field} field is required."


def breaches(resources: Iterable[Resource[Any]]) -> Mapping[str, Breach]:
    """Every constraint of the resources' tables by name, worked out once."""
    found: dict[str, Breach] = {}
    for resource in resources:
        found.update(_of_table(resource.table))
        for name, rule in resource.rules.items():
            keys = tuple(attribute.key for attribute in rule.fields)
            known = found.get(name)
            words = known.message if known else REFUSED
            found[name] = Breach(keys, rule.code, words)
    return found


def _of_table(table: Table) -> Mapping[str, Breach]:
    found: dict[str, Breach] = {}
    for constraint in table.constraints:
        keys = tuple(it.name for it in getattr(constraint, "columns", ()))
        fields = tuple(key for key in keys if key != "tenant_id")
        if BREACH in constraint.info:
            field, code = constraint.info[BREACH]
            words = REQUIRED if code == "required" else REFUSED
            found[str(constraint.name)] = Breach((field,), code, words)
        elif isinstance(constraint, ForeignKeyConstraint):
            found[str(constraint.name)] = Breach(fields, "not_found", UNKNOWN)
        elif constraint.name:
            found[str(constraint.name)] = Breach(fields, "invalid", REFUSED)
    for index in table.indexes:
        if index.unique:
            keys = tuple(it.name for it in index.columns if it.name != "tenant_id")
            found[str(index.name)] = Breach(keys, "taken", TAKEN)
    return found


def translate(error: BaseException, known: Mapping[str, Breach]) -> Problem | None:
    """The problem that a refusal of PostgreSQL means for the caller, if any.

    Nothing of the refused or of the existing row is told: under row-level security
    that could be another tenant's.
    """
    if isinstance(error, asyncpg.RestrictViolationError):
        return InUse()
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        breach = known.get(getattr(error, "constraint_name", None) or "")
        if breach is None:
            return Conflict()
        return Invalid(
            *(
                FieldError(field, breach.code, Words(breach.message, field=field))
                for field in breach.fields
            )
        )
    if isinstance(error, asyncpg.DeadlockDetectedError | asyncpg.LockNotAvailableError):
        return Busy()
    if isinstance(error, asyncpg.QueryCanceledError):
        return TooSlow()
    if isinstance(error, UNFIT) or _overflows(error):
        return DoesNotFit()
    return None


def _overflows(error: BaseException) -> bool:
    """Whether the driver could not even write the value down."""
    is_its_own = isinstance(error, asyncpg.DataError)
    return is_its_own and isinstance(error.__cause__, OverflowError)


UNFIT = asyncpg.NumericValueOutOfRangeError, asyncpg.StringDataRightTruncationError
"""A command may let more through than the column takes that its action writes."""
