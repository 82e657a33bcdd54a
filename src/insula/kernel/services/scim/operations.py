"""The operations of SCIM, declared, at ``/scim/v2`` of every tenant's host."""

from collections.abc import Mapping
from typing import Any

from scim2_models import Context as ScimContext
from scim2_models import ListResponse, NotFoundException, Resource, ResourceType, Schema

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply, summary_of
from insula.kernel.services.scim import searching
from insula.kernel.services.scim.answering import ROOT, TYPE, Run, answering
from insula.kernel.services.scim.people import People
from insula.kernel.services.scim.schemas import PROVIDER
from insula.kernel.services.scim.teams import Teams
from insula.kernel.services.scim.tokens import PROVISION

READ = ScimContext.RESOURCE_QUERY_RESPONSE


async def config(_: Context, __: Call) -> Reply:
    """Tell what this server can do."""
    assert PROVIDER.config is not None
    return _said(PROVIDER.config)


async def resource_types(_: Context, __: Call) -> Reply:
    """List the kinds of resources."""
    return _all(ListResponse[ResourceType], PROVIDER.resource_types)


async def resource_type(_: Context, call: Call) -> Reply:
    """Read one kind of resource."""
    return _said(_one(PROVIDER.resource_types, call.key))


async def schemas(_: Context, __: Call) -> Reply:
    """List the schemas."""
    return _all(ListResponse[Schema], PROVIDER.schemas)


async def schema(_: Context, call: Call) -> Reply:
    """Read one schema."""
    return _said(_one(PROVIDER.schemas, call.key))


async def unknown(_: Context, __: Call) -> Reply:
    """Say in SCIM's words that there is nothing here."""
    raise NotFoundException(detail="there is no such endpoint")


def _one(every: Any, key: str) -> Resource[Any]:
    found = next((it for it in every if str(it.id).lower() == key.lower()), None)
    if found is None:
        raise NotFoundException(detail="there is no such resource")
    one: Resource[Any] = found
    return one


def _said(resource: Resource[Any]) -> Reply:
    body = resource.model_dump_json(scim_ctx=READ)
    return Reply(body.encode(), content_type=TYPE)


def _all(kind: Any, every: Any) -> Reply:
    found = list(every)
    answer = kind(
        total_results=len(found),
        start_index=1,
        items_per_page=len(found),
        resources=found,
    )
    return Reply(answer.model_dump_json(scim_ctx=READ).encode(), content_type=TYPE)


def scim_operations(people: People, teams: Teams) -> tuple[Operation, ...]:
    """All of them."""
    return (
        _made("GET", "config", "ServiceProviderConfig", config),
        _made("GET", "resource_types", "ResourceTypes", resource_types),
        _made("GET", "resource_type", "ResourceTypes/{id}", resource_type),
        _made("GET", "schemas", "Schemas", schemas),
        _made("GET", "schema", "Schemas/{id}", schema),
        _made("GET", "users_list", "Users", searching.list_users),
        _made("GET", "groups_list", "Groups", searching.list_groups),
        _made("POST", "users_search", "Users/.search", searching.search_users, **READS),
        _made(
            "POST", "groups_search", "Groups/.search", searching.search_groups, **READS
        ),
        _made("POST", "search", ".search", searching.search_both, **READS),
        *_resource("users", "Users", people),
        *_resource("groups", "Groups", teams),
        _made("GET", "unknown", "{id}", unknown),
    )


def _resource(name: str, path: str, own: People | Teams) -> tuple[Operation, ...]:
    one = f"{path}/{{id}}"
    return (
        _made("POST", f"{name}_create", path, own.create, status=201),
        _made("GET", f"{name}_read", one, own.get),
        _made("PUT", f"{name}_replace", one, own.replace),
        _made("PATCH", f"{name}_patch", one, own.patch),
        _made("DELETE", f"{name}_delete", one, own.delete, status=204),
    )


def _made(method: str, name: str, path: str, run: Run, **more: Any) -> Operation:
    body: Mapping[str, Any] = {"raw_body": "*/*"} if method in BODIES else {}
    return Operation(
        name=f"scim.{name}",
        method=method,
        path=f"{ROOT}/{path}",
        run=answering(run),
        summary=summary_of(run),
        permission=PROVISION,
        content_type=TYPE,
        **{"writes": method != "GET", **body, **more},
    )


BODIES = ("POST", "PUT", "PATCH")
READS: Mapping[str, Any] = {"writes": False}
