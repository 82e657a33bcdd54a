"""Actors: who acts, and what they may do."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from uuid import UUID


class ActorKind(StrEnum):
    """What sort of actor it is."""

    user = "user"
    contact = "contact"
    api_key = "api_key"
    operator = "operator"
    system = "system"
    visitor = "visitor"


class Actor:
    """Somebody who acts: within one tenant, or as an operator within none.

    ``grants`` are permissions ``<app>.<resource>.<action>`` (kernel: ``<area>.<action>``)
    in which ``*`` stands for any part and ``manage`` for any action (R36).
    """

    __slots__ = ("_known", "grants", "id", "kind", "roles", "session", "tenant")

    def __init__(
        self,
        kind: ActorKind,
        actor_id: UUID | None,
        *,
        tenant: UUID | None = None,
        session: UUID | None = None,
        roles: Iterable[str] = (),
        grants: Iterable[str] = (),
    ) -> None:
        self.kind, self.id, self.tenant, self.session = kind, actor_id, tenant, session
        self.roles = tuple(roles)
        self.grants = frozenset(grants)
        self._known: dict[str, bool] = {}

    def may(self, permission: str) -> bool:
        """Whether a grant of this actor covers the permission."""
        known = self._known.get(permission)
        if known is None:
            known = any(covers(grant, permission) for grant in self.grants)
            self._known[permission] = known
        return known


def covers(grant: str, permission: str) -> bool:
    """Whether one grant covers one permission."""
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


FILING = ("files.read", "files.create", "files.share", "files.revoke_links")

SYSTEM_ROLES: Mapping[str, tuple[str, ...]] = {
    "owner": ("*",),
    "admin": ("*",),
    "manager": ("*.*.manage", "users.read", "files.manage"),
    "editor": ("*.*.read", "*.*.create", "*.*.update", "users.read", *FILING),
    "member": ("*.*.read", "*.*.create", "*.*.update", "users.read", *FILING),
    "viewer": ("*.*.read", "files.read"),
    "auditor": ("*.*.read", "audit_log.read", "mails.read", "users.read", "files.read"),
    "customer": (),
    "technician": (),
}
"""The roles that every tenant has (R21); apps add theirs as ``<app>.<role>``."""


MOST_SETS = 1_000
"""Combinations of roles whose grants are kept worked out."""


class RoleBook:
    """What each role grants: the system's roles and those of the registered apps."""

    def __init__(self, apps: Mapping[str, Iterable[str]]) -> None:
        self._grants = {
            **SYSTEM_ROLES,
            **{name: tuple(it) for name, it in apps.items()},
        }
        self._together: dict[tuple[str, ...], frozenset[str]] = {}

    def __contains__(self, role: str) -> bool:
        return role in self._grants

    def grants(self, roles: Iterable[str]) -> frozenset[str]:
        """All that these roles grant together; an unknown role grants nothing."""
        key = tuple(roles)
        found = self._together.get(key)
        if found is None:
            found = frozenset(it for role in key for it in self._grants.get(role, ()))
            if len(self._together) < MOST_SETS:
                self._together[key] = found
        return found
