"""Visibility: which events an actor may know of."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol
from uuid import UUID

import msgspec

from insula.kernel.access.actor import Actor
from insula.kernel.events.live.reading import LiveEvent
from insula.kernel.tenancy.tenant import Tenant

PERSONAL = frozenset({"notification"})
"""Types whose events are about the one user that ``resource_id`` names, and for them alone."""
MOST_KNOWN = 5_000


Hidden = Callable[[Actor, str], Collection[str]]


class Happened(Protocol):
    """As much of an event as decides who may know of it."""

    @property
    def name(self) -> str:
        """``app.resource.happened``, of the kernel ``resource.happened``."""

    @property
    def resource_id(self) -> UUID | None:
        """What it happened to."""


class Visibility:
    """Knows the permission that reads what an event is about.

    ``permissions`` are those of the resources' types (``maintenance.asset`` ->
    ``maintenance.assets.read``); for any other event it is the type's own name and
    ``read``, which nobody has who may not read everything. ``apps`` are installable;
    ``hidden`` tells the fields of a type that somebody is not shown.
    """

    def __init__(
        self,
        permissions: Mapping[str, str],
        apps: Collection[str],
        hidden: Hidden = lambda *_: frozenset(),
    ) -> None:
        self._permissions, self._apps = permissions, frozenset(apps)
        self._hidden = hidden
        self._known: dict[str, tuple[str, str, str]] = {}

    def sees(self, tenant: Tenant, actor: Actor, event: Happened) -> bool:
        """Whether this actor may know of this event."""
        kind, app, permission = self._known.get(event.name) or self._learn(event.name)
        if app in self._apps and tenant.apps.get(app) != "active":
            return False
        if kind in PERSONAL:
            return actor.id is not None and event.resource_id == actor.id
        return actor.may(permission)

    def text(self, actor: Actor, event: LiveEvent) -> bytes:
        """The event's JSON, without the fields that are hidden from this actor."""
        hidden = self._hidden(actor, event.name.rpartition(".")[0])
        if not hidden:
            return event.text
        told: dict[str, Any] = msgspec.json.decode(event.text)
        data = told["data"] or {}
        told["data"] = {key: it for key, it in data.items() if key not in hidden}
        return msgspec.json.encode(told)

    def _learn(self, name: str) -> tuple[str, str, str]:
        kind = name.rpartition(".")[0]
        permission = self._permissions.get(kind, f"{kind}.read")
        app = kind.rpartition(".")[0]  # the kernel's own types have none
        learnt = kind, app, permission
        if len(self._known) < MOST_KNOWN:
            self._known[name] = learnt
        return learnt


class Concealment:
    """Takes the fields that never leave the server out of what events tell.

    An event of a change has every field that changed, a hidden one among them.
    ``hidden`` are those fields by the type of the resource.
    """

    def __init__(self, hidden: Mapping[str, Collection[str]]) -> None:
        self._hidden = {
            kind: frozenset(names) for kind, names in hidden.items() if names
        }

    def __call__(self, name: str, data: msgspec.Raw) -> msgspec.Raw:
        """The data as it may be told."""
        hidden = self._hidden.get(name.rpartition(".")[0])
        if hidden is None:
            return data
        fields: dict[str, Any] = msgspec.json.decode(data)
        shown = {key: value for key, value in fields.items() if key not in hidden}
        return msgspec.Raw(msgspec.json.encode(shown))
