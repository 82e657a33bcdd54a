"""Scopes: the part of somebody's rights that a key or a program is given."""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import mapped_column

from insula.kernel.access.actor import Actor
from insula.kernel.access.grants import RoleGrants, covers
from insula.kernel.foundation.errors import Denied
from insula.kernel.services.access.granting import check_masks

PART = r"(?:[a-z][a-z0-9_-]*|\*)"
PATTERN = re.compile(rf"\*|{PART}(?:\.{PART}){{1,3}}")
MOST_SCOPES = 100
LONGEST_SCOPE = 100


class ScopeNotHeld(Denied):
    """You do not hold {scope} yourself, so you cannot give it."""

    code = "SCOPE_NOT_HELD"


def is_scope(text: str) -> bool:
    """Whether it reads as a permission does, with ``*`` for any part of it."""
    return len(text) <= LONGEST_SCOPE and PATTERN.fullmatch(text) is not None


def checked_scope(value: str) -> str:
    """A permission, or several by ``*``."""
    if not is_scope(value):
        raise PydanticCustomError(
            "scope_invalid", "it must be a permission such as crm.deals.read"
        )
    return value


Scope = Annotated[str, Field(max_length=LONGEST_SCOPE), AfterValidator(checked_scope)]
Scopes = Annotated[
    list[Scope],
    mapped_column(JSONB),
    Field(min_length=1, max_length=MOST_SCOPES, examples=[["maintenance.assets.read"]]),
]


def includes(wide: str, narrow: str) -> bool:
    """Whether one scope covers whatever the other covers.

    ``*`` at the end of a scope stands for all that follows, however long: only what
    ends so itself includes it.
    """
    return covers(wide, narrow) and (wide.endswith("*") or not narrow.endswith("*"))


def included(narrow: Iterable[str], wide: Iterable[str]) -> bool:
    """Whether each of these scopes is part of one of those."""
    each = tuple(wide)
    return all(any(includes(it, scope) for it in each) for scope in narrow)


def check_held(actor: Actor, scopes: Iterable[str]) -> None:
    """Nobody gives a key what they do not hold for all rows, or do not see.

    Raises ``ScopeNotHeld`` or ``NotYoursToGive``.
    """
    for scope in scopes:
        if not included([scope], actor.grants):
            raise ScopeNotHeld(scope=scope)
    check_limit(actor, scopes)
    check_masks(actor, RoleGrants(tuple(scopes)))


def check_limit(actor: Actor, scopes: Iterable[str]) -> None:
    """What acts within scopes gives no others; raises ``ScopeNotHeld``."""
    for scope in scopes:
        if actor.scopes is not None and not included([scope], actor.scopes):
            raise ScopeNotHeld(scope=scope)
