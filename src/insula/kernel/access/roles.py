"""Roles: what a platform's, an app's and a tenant's own roles give together."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.access.actor import SYSTEM_ROLES
from insula.kernel.access.grants import (
    NO_MASKS,
    Mask,
    Masks,
    RoleGrants,
    merged,
)
from insula.kernel.database.pool import Record

ALIASES: Mapping[str, str] = {"super_admin": "owner", "user": "member"}
"""Names that other systems gave to the same roles."""
NAME = re.compile(r"[a-z][a-z0-9_]{1,62}", re.ASCII)
"""What a tenant's own role may be called: no app's role, which has a dot."""
MOST_SETS = 1_000
"""Combinations of roles whose grants are kept worked out."""

RIGHTS = (
    "(SELECT jsonb_agg(jsonb_build_array(t.id, t.roles, m.grants))"
    " FROM home__.team_members m JOIN home__.teams t"
    " ON t.tenant_id = m.tenant_id AND t.id = m.team_id"
    " WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id"
    " AND m.deleted_at IS NULL AND t.deleted_at IS NULL) AS memberships,"
    " (SELECT jsonb_agg(jsonb_build_array(r.name, r.grants, r.masks))"
    " FROM home__.roles r WHERE r.tenant_id = u.tenant_id AND r.deleted_at IS NULL"
    " AND (u.roles ? r.name OR EXISTS (SELECT FROM home__.team_members m"
    " JOIN home__.teams t ON t.tenant_id = m.tenant_id AND t.id = m.team_id"
    " WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id AND t.roles ? r.name"
    " AND m.deleted_at IS NULL AND t.deleted_at IS NULL))) AS own_roles"
)
"""Columns of a user ``u`` that tell, beside ``u.roles``, what the user may do."""


class OwnRole(msgspec.Struct, array_like=True, frozen=True):
    """A tenant's own role, as it is stored."""

    name: str
    grants: list[str]
    masks: dict[str, dict[str, list[str]]]

    def given(self) -> RoleGrants:
        """What it gives and withholds."""
        return RoleGrants(tuple(self.grants), masks_of(self.masks))


class Membership(msgspec.Struct, array_like=True, frozen=True):
    """Somebody's place in a team, with the team's roles."""

    team: UUID
    roles: list[str]
    grants: list[str]


def masks_of(stored: Mapping[str, Mapping[str, Iterable[str]]]) -> Masks:
    """Masks as a role keeps them: ``{"crm.deals": {"hide": […], "freeze": […]}}``."""
    return {
        name: Mask.of(it.get("hide", ()), it.get("freeze", ()))
        for name, it in stored.items()
    }


@dataclass(frozen=True, slots=True)
class Rights:
    """All that somebody has by their roles and teams."""

    roles: tuple[str, ...] = ()
    grants: frozenset[str] = frozenset()
    teams: frozenset[UUID] = frozenset()
    masks: Masks = field(default_factory=dict)
    own: Mapping[str, RoleGrants] = field(default_factory=dict)
    """Those of the roles that are the tenant's own."""
    placed: tuple[Membership, ...] = ()


class RoleBook:
    """What each role grants: the system's roles and those of the registered apps."""

    def __init__(self, apps: Mapping[str, Iterable[str]]) -> None:
        self.common: Mapping[str, tuple[str, ...]] = {
            **SYSTEM_ROLES,
            **{name: tuple(it) for name, it in apps.items()},
        }
        self._together: dict[tuple[str, ...], frozenset[str]] = {}

    def __contains__(self, role: object) -> bool:
        return role in self.common or role in ALIASES

    def of(self, role: str) -> tuple[str, ...]:
        """What a role of the system or of an app grants; an unknown one, nothing."""
        return self.common.get(ALIASES.get(role, role), ())

    def grants(self, roles: Iterable[str]) -> frozenset[str]:
        """All that these roles grant together."""
        key = tuple(roles)
        found = self._together.get(key)
        if found is None:
            found = frozenset(it for role in key for it in self.of(role))
            if len(self._together) < MOST_SETS:
                self._together[key] = found
        return found

    def read(self, row: Record) -> Rights:
        """The rights of a user whose row has ``roles`` and the columns ``RIGHTS``."""
        roles = msgspec.json.decode(row["roles"], type=list[str])
        return self.rights(
            roles,
            _read(row["memberships"], list[Membership]),
            _read(row["own_roles"], list[OwnRole]),
        )

    def rights(
        self,
        roles: Iterable[str],
        memberships: Iterable[Membership] = (),
        own_roles: Iterable[OwnRole] = (),
    ) -> Rights:
        """What a user has by these roles, teams and tenant's own roles together."""
        placed = list(memberships)
        every = dict.fromkeys([*roles, *(it for m in placed for it in m.roles)])
        own = {it.name: it.given() for it in own_roles if it.name not in self}
        extra = frozenset(it for m in placed for it in m.grants)
        grants = self.grants(name for name in every if name not in own) | extra
        masks = NO_MASKS
        if any(it.masks for it in own.values()):
            given = [own.get(it) or RoleGrants(self.of(it)) for it in every]
            masks = merged([*given, RoleGrants(tuple(extra))])
        for name in own.keys() & every.keys():
            grants |= frozenset(own[name].grants)
        teams = frozenset(it.team for it in placed)
        return Rights(tuple(every), grants, teams, masks, own, tuple(placed))

    def sources(self, rights: Rights) -> Mapping[str, Iterable[str]]:
        """Where each grant comes from, in words."""
        found: dict[str, Iterable[str]] = {}
        for role in rights.roles:
            teams = [str(it.team) for it in rights.placed if role in it.roles]
            by = f" (by the team {', '.join(teams)})" if teams else ""
            own = rights.own.get(role)
            found[f"The role {role}{by}"] = self.of(role) if own is None else own.grants
        for it in rights.placed:
            if it.grants:
                found[f"The place in the team {it.team}"] = it.grants
        return found


def _read(text: str | None, kind: Any) -> Any:
    return [] if text is None else msgspec.json.decode(text, type=kind)
