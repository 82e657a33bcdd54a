"""Actors: who acts, and what they may do."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from insula.kernel.access.grants import NO_MASKS, Masks, Reach, reach_of


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
    in which ``*`` stands for any part and ``manage`` for any action (R36). ``scopes``
    bound what a key or a client may do on behalf of somebody; None bounds nothing.
    ``via`` is through what they came, if not by signing in themselves. ``factors`` is
    how they signed in (RFC 8176), and ``proved`` when they last proved who they are,
    in Unix time.
    """

    __slots__ = (
        *("_known", "_reaches", "factors", "grants", "id", "kind", "locale", "masks"),
        *(
            "proved",
            "qualified",
            "roles",
            "scopes",
            "session",
            "teams",
            "tenant",
            "via",
        ),
        "worked_out",
    )

    def __init__(  # noqa: PLR0913  # all that an actor is
        self,
        kind: ActorKind,
        actor_id: UUID | None,
        *,
        tenant: UUID | None = None,
        session: UUID | None = None,
        roles: Iterable[str] = (),
        grants: Iterable[str] = (),
        scopes: Iterable[str] | None = None,
        teams: Iterable[UUID] = (),
        via: str | None = None,
        factors: Sequence[str] = (),
        proved: float | None = None,
        masks: Masks = NO_MASKS,
    ) -> None:
        self.kind, self.id, self.tenant, self.session = kind, actor_id, tenant, session
        self.roles, self.via = tuple(roles), via
        self.grants, self.teams = frozenset(grants), frozenset(teams)
        self.scopes = None if scopes is None else frozenset(scopes)
        self.factors, self.proved = tuple(factors), proved
        self.masks = masks
        self.locale: str | None = None
        """The language in which it is spoken to, if it has chosen one."""
        bounds = self.grants if scopes is None else self.grants | frozenset(scopes)
        self.qualified = any(":" in it for it in bounds)
        self._known: dict[str, bool] = {}
        self._reaches: dict[str, Reach | None] = {}
        self.worked_out: dict[object, Any] = {}
        """What follows from the rights, kept by whoever works it out."""

    @property
    def credential(self) -> str | None:
        """Through which key, token or session of a program they act; None if as themselves."""
        if self.via is None or self.kind is not ActorKind.user or self.session is None:
            return self.via
        return f"session:{self.session}"

    @property
    def bounds(self) -> frozenset[str] | None:
        """What a credential lets them do at most; None where none stands between."""
        own = self.kind is ActorKind.api_key and self.scopes is None
        return self.grants if own else self.scopes

    def may(self, permission: str) -> bool:
        """Whether this actor has the permission for all rows, and a scope if bounded."""
        known = self._known.get(permission)
        if known is None:
            known = self._known[permission] = self.reach(permission) is Reach.all
        return known

    def reach(self, permission: str) -> Reach | None:
        """How far this actor's permission reaches; None if there is none at all."""
        if permission in self._reaches:
            return self._reaches[permission]
        found = reach_of(self.grants, permission)
        if found is not None and self.scopes is not None:
            scope = reach_of(self.scopes, permission)
            found = None if scope is None else min(found, scope)
        self._reaches[permission] = found
        return found


def bounded(actor: Actor, scopes: Iterable[str], via: str | None = None) -> Actor:
    """The same actor, acting through something that was given some scopes alone."""
    other = Actor(
        actor.kind,
        actor.id,
        tenant=actor.tenant,
        session=actor.session,
        roles=actor.roles,
        grants=actor.grants,
        scopes=scopes,
        teams=actor.teams,
        via=via or actor.via,
        factors=actor.factors,
        proved=actor.proved,
        masks=actor.masks,
    )
    other.locale = actor.locale
    return other


FILING = ("files.read", "files.create", "files.share", "files.revoke_links")
EVERYDAY = (
    *("*.*.read", "*.*.create", "*.*.update", "*.*.bulk", "own:*.*.manage"),
    *("users.read", "analytics.read", "own:bulk_runs.manage", *FILING),
    "own:merges.manage",
    *("*.*.comment", "tags.read", "tags.create"),
)
"""What whoever works with an app's rows needs; of their own rows, everything."""

SYSTEM_ROLES: Mapping[str, tuple[str, ...]] = {
    "owner": ("*",),
    "admin": ("*",),
    "manager": (
        *("*.*.manage", "users.read", "roles.read", "teams.read"),
        *("files.manage", "analytics.read", "bulk_runs.manage"),
        "merges.manage",
        *("tags.manage", "saved_views.share", "comments.delete"),
    ),
    "editor": EVERYDAY,
    "member": EVERYDAY,
    "viewer": ("*.*.read", "files.read", "analytics.read", "tags.read"),
    "auditor": (
        *("*.*.read", "audit_log.read", "mails.read", "files.read", "analytics.read"),
        *("users.read", "roles.read", "teams.read", "security.read", "api_keys.read"),
        *("login_analytics.read", "tags.read"),
    ),
    "customer": (),
    "technician": (),
}
"""The roles that every tenant has (R21); apps add theirs as ``<app>.<role>``."""
