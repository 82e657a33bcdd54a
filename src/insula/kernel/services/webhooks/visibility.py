"""Visibility: who may hear of what, and where it can be read."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.database.session import Transaction
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.engine import Engine
from insula.kernel.services.live.visibility import PERSONAL
from insula.kernel.services.webhooks.statements import KEEPERS
from insula.kernel.tenancy.tenant import Tenant

OWN = "webhook_"
"""How the names of this service's own events begin: nobody is told of those, or each
delivery would cause the next."""


def wanted(patterns: Iterable[str], name: str) -> bool:
    """Whether an event is one of those that were asked for; without any, all are."""
    if name.startswith(OWN):
        return False
    listed = list(patterns)
    return not listed or any(_matches(pattern, name) for pattern in listed)


def _matches(pattern: str, name: str) -> bool:
    if pattern in ("*", name):
        return True
    return pattern.endswith(".*") and name.startswith(pattern[:-1])


class Visibility:
    """Knows the resource of every event, and the grants of every user."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    @cached_property
    def _resources(self) -> Mapping[str, Resource[Any]]:
        return {api.resource.type: api.resource for api in self._engine().apis}

    def link(self, event: str, resource_id: UUID | None) -> str | None:
        """The path at which the row of an event is read."""
        resource = self._resources.get(event.rpartition(".")[0])
        if resource is None or resource_id is None:
            return None
        return f"{resource.address}/{resource_id}"

    def shown(
        self, keeper: Actor, event: str, data: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """What an event tells, without what its keeper is not shown.

        That is what never leaves the server, and what is hidden from the keeper.
        """
        kind = event.rpartition(".")[0]
        resource = self._resources.get(kind)
        if resource is None:
            return data
        hidden = resource.hidden | self._engine().hidden_from(keeper, kind)
        return {name: it for name, it in data.items() if name not in hidden}

    def installed(self, tenant: Tenant, event: str) -> bool:
        """Whether the app of an event is still the tenant's."""
        name = event.partition(".")[0]
        app = self._engine().apps.get(name)
        return app is None or app.always or tenant.apps.get(name) == "active"

    async def keepers(
        self, transaction: Transaction, users: Iterable[UUID | None]
    ) -> Mapping[UUID | None, Actor]:
        """What each of these users may do now; who is gone is missing."""
        ids = sorted({user for user in users if user is not None})
        rows = await transaction.fetch(KEEPERS, ids) if ids else []
        found: dict[UUID | None, Actor] = {}
        for row in rows:
            rights = self._engine().roles.read(row)
            found[row["id"]] = Actor(
                ActorKind.user,
                row["id"],
                grants=rights.grants,
                teams=rights.teams,
                masks=rights.masks,
            )
        return found

    def may_see(self, actor: Actor | None, event: str, about: UUID | None) -> bool:
        """Whether an actor may read what an event tells of; nobody sees nothing."""
        if actor is None:
            return False
        kind = event.rpartition(".")[0]
        if kind in PERSONAL:
            return actor.id is not None and about == actor.id
        resource = self._resources.get(kind)
        return actor.may(f"{kind if resource is None else resource.name}.read")
