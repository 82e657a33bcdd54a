"""The endpoints of SCIM by name: all that speaks with its models, and costs to load."""

from collections.abc import Mapping
from typing import Any

from scim2_models import Context as ScimContext
from scim2_models import ListResponse, NotFoundException, Resource, ResourceType, Schema

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.engine import Engine
from insula.kernel.services.scim import searching
from insula.kernel.services.scim.addresses import TYPE, Run
from insula.kernel.services.scim.answering import answering
from insula.kernel.services.scim.people import People
from insula.kernel.services.scim.schemas import PROVIDER
from insula.kernel.services.scim.teams import Teams

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


def endpoints(engine: Engine, identity: Identity) -> Mapping[str, Run]:
    """What runs at each operation of SCIM, by its name."""
    every: dict[str, Run] = {
        "config": config,
        "resource_types": resource_types,
        "resource_type": resource_type,
        "schemas": schemas,
        "schema": schema,
        "users_list": searching.list_users,
        "groups_list": searching.list_groups,
        "users_search": searching.search_users,
        "groups_search": searching.search_groups,
        "search": searching.search_both,
        "unknown": unknown,
    }
    for name, own in (
        ("users", People(engine, identity)),
        ("groups", Teams(engine, identity)),
    ):
        every |= {
            f"{name}_create": own.create,
            f"{name}_read": own.get,
            f"{name}_replace": own.replace,
            f"{name}_patch": own.patch,
            f"{name}_delete": own.delete,
        }
    return {name: answering(run) for name, run in every.items()}
