"""The operations of SCIM, declared, at ``/scim/v2`` of every tenant's host."""

import asyncio
from collections.abc import Mapping
from typing import Any

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.loading import load_module
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.engine import Engine
from insula.kernel.services.scim.addresses import ROOT, TYPE, Run
from insula.kernel.services.scim.tokens import PROVISION

ENDPOINTS = "insula.kernel.services.scim.endpoints"
BODIES = ("POST", "PUT", "PATCH")
LOOKING = (
    ("GET", "config", "ServiceProviderConfig", "Tell what this server can do"),
    ("GET", "resource_types", "ResourceTypes", "List the kinds of resources"),
    ("GET", "resource_type", "ResourceTypes/{id}", "Read one kind of resource"),
    ("GET", "schemas", "Schemas", "List the schemas"),
    ("GET", "schema", "Schemas/{id}", "Read one schema"),
    ("GET", "users_list", "Users", "List users"),
    ("GET", "groups_list", "Groups", "List groups"),
    ("POST", "users_search", "Users/.search", "Search users, asked in the body"),
    ("POST", "groups_search", "Groups/.search", "Search groups, asked in the body"),
    ("POST", "search", ".search", "Search users and groups, asked in the body"),
    ("GET", "users_read", "Users/{id}", "Read one user"),
    ("GET", "groups_read", "Groups/{id}", "Read one group"),
    ("GET", "unknown", "{id}", "Say in SCIM's words that there is nothing here"),
)
WRITING = (
    ("POST", "users_create", "Users", "Make a user"),
    (
        "PUT",
        "users_replace",
        "Users/{id}",
        "Replace all that a directory says of a user",
    ),
    (
        "PATCH",
        "users_patch",
        "Users/{id}",
        "Change some of what a directory says of a user",
    ),
    ("DELETE", "users_delete", "Users/{id}", "Remove a user, who is out at once"),
    ("POST", "groups_create", "Groups", "Make a group"),
    ("PUT", "groups_replace", "Groups/{id}", "Replace a group's name and members"),
    ("PATCH", "groups_patch", "Groups/{id}", "Change a group's name, or who is in it"),
    (
        "DELETE",
        "groups_delete",
        "Groups/{id}",
        "Remove a group; its people stay, without its roles",
    ),
)
STATUS = {
    "users_create": 201,
    "groups_create": 201,
    "users_delete": 204,
    "groups_delete": 204,
}


class Endpoints:
    """What runs at each operation, loaded when the first directory calls.

    The models of SCIM were a third of what a process takes to start (0.9 of 2.7 s):
    most processes never see a directory, and workers cannot.
    """

    def __init__(self, engine: Engine, identity: Identity) -> None:
        self._made = engine, identity
        self._found: Mapping[str, Run] | None = None

    def run(self, name: str) -> Run:
        """One endpoint, which need not be there yet."""

        async def later(ctx: Context, call: Call) -> Reply:
            if self._found is None:  # in a thread: others are answered meanwhile
                module = await asyncio.to_thread(load_module, ENDPOINTS)
                self._found = module.endpoints(*self._made)
            return await self._found[name](ctx, call)

        return later


def scim_operations(engine: Engine, identity: Identity) -> tuple[Operation, ...]:
    """All of them."""
    endpoints = Endpoints(engine, identity)
    return (
        *(_made(endpoints, *each, writes=False) for each in LOOKING),
        *(_made(endpoints, *each, writes=True) for each in WRITING),
    )


def _made(  # a line of the tables above
    endpoints: Endpoints,
    method: str,
    name: str,
    path: str,
    summary: str,
    *,
    writes: bool,
) -> Operation:
    body: Mapping[str, Any] = {"raw_body": "*/*"} if method in BODIES else {}
    return Operation(
        name=f"scim.{name}",
        method=method,
        path=f"{ROOT}/{path}",
        run=endpoints.run(name),
        summary=summary,
        permission=PROVISION,
        content_type=TYPE,
        status=STATUS.get(name, 200),
        writes=writes,
        **body,
    )
