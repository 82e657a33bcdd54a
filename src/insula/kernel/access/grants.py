"""Grants: what may be done, to which rows, and with which fields.

A grant is a permission ``<app>.<resource>.<action>`` (kernel: ``<area>.<action>``) in
which ``*`` stands for any part and ``manage`` for any action (R36). With ``own:`` or
``team:`` before it, it reaches one's own rows alone, or those of one's teams.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

PART = r"(?:[a-z0-9_]+|\*)"
GRANT = re.compile(rf"(?:own:|team:)?{PART}(?:\.{PART}){{0,3}}", re.ASCII)
LONGEST_GRANT = 120


class Reach(IntEnum):
    """How far a grant reaches; the further, the greater."""

    own = 1
    """Rows whose owner is the actor."""
    team = 2
    """Rows of the actor, of those in the same teams, and of the teams themselves."""
    all = 3


QUALIFIERS: Mapping[str, Reach] = {"own": Reach.own, "team": Reach.team}
NOTHING = "-"
"""What a grant gives whose qualifier nobody knows: no permission has this name."""


def reading(grant: str) -> tuple[Reach, str]:
    """How far a grant reaches, and what it grants there."""
    qualifier, colon, plain = grant.partition(":")
    if not colon:
        return Reach.all, grant
    reach = QUALIFIERS.get(qualifier)
    return (Reach.own, NOTHING) if reach is None else (reach, plain)


def covers(grant: str, permission: str) -> bool:
    """Whether one grant, without a qualifier, covers one permission."""
    if grant in ("*", permission):
        return True
    granted, wanted = grant.split("."), permission.split(".")
    if len(granted) != len(wanted):
        return granted[-1] == "*" and covers_prefix(granted[:-1], wanted)
    *areas, action = granted
    if action not in ("*", "manage", wanted[-1]):
        return False
    return covers_prefix(areas, wanted)


def covers_prefix(granted: list[str], wanted: list[str]) -> bool:
    """Whether the first parts agree, ``*`` with any."""
    pairs = zip(granted, wanted, strict=False)
    return len(granted) < len(wanted) and all(
        mine in ("*", theirs) for mine, theirs in pairs
    )


def reach_of(grants: Iterable[str], permission: str) -> Reach | None:
    """How far these grants together reach with a permission; None: not at all."""
    found = None
    for grant in grants:
        reach, plain = reading(grant)
        if (found is None or reach > found) and covers(plain, permission):
            found = reach
    return found


def holds(grants: Iterable[str], wanted: str) -> bool:
    """Whether whoever has these grants has all that another grant gives.

    ``*`` in the other one is covered by ``*`` alone: at its end it stands for however
    many parts, which ``manage`` does not.
    """
    reach, plain = reading(wanted)
    return any(
        mine >= reach and covers(given, plain) and _as_open(given, plain)
        for mine, given in map(reading, grants)
    )


def _as_open(given: str, wanted: str) -> bool:
    return given.endswith("*") or not wanted.endswith("*")


NO_FIELDS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Mask:
    """Fields of a resource that are not shown, and that are not written.

    What is not shown is not written either, so that ``freeze`` holds ``hide``.
    """

    hide: frozenset[str] = NO_FIELDS
    freeze: frozenset[str] = NO_FIELDS

    @staticmethod
    def of(hide: Iterable[str], freeze: Iterable[str]) -> "Mask":
        """A mask of what is hidden and what is frozen beyond that."""
        hidden = frozenset(hide)
        return Mask(hidden, hidden | frozenset(freeze))


Masks = Mapping[str, Mask]
"""By resource."""
NO_MASKS: Masks = {}


@dataclass(frozen=True, slots=True)
class RoleGrants:
    """What one role gives, and what it withholds."""

    grants: tuple[str, ...]
    masks: Masks = field(default_factory=dict)


WRITING = ("create", "update", "import")


def merged(roles: Iterable[RoleGrants]) -> Masks:
    """What all roles together withhold: what each that opens a resource withholds.

    Rights add up: a role that shows a field shows it, whatever others hide.
    """
    every = list(roles)
    named = {name for role in every for name in role.masks}
    found: dict[str, Mask] = {}
    for name in named:
        hide = _withheld(every, name, ("read",), "hide")
        freeze = _withheld(every, name, WRITING, "freeze")
        if hide or freeze:
            found[name] = Mask.of(hide, freeze)
    return found


def _withheld(
    roles: Iterable[RoleGrants], name: str, verbs: Iterable[str], part: str
) -> frozenset[str]:
    """What every role withholds that gives one of these verbs of a resource."""
    permissions = [f"{name}.{verb}" for verb in verbs]
    giving = [
        role.masks.get(name, Mask())
        for role in roles
        if any(reach_of(role.grants, it) is not None for it in permissions)
    ]
    if not giving:
        return NO_FIELDS
    return frozenset.intersection(*(getattr(it, part) for it in giving))
