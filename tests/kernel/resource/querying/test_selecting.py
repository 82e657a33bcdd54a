"""Selections: what a list would show, for whoever does more than list it."""

from typing import Any

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.querying.problems import BadQuery
from insula.kernel.resource.statements import Numbers
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.resource.querying.conftest import ORDERS

pytestmark = pytest.mark.anyio


@pytest.fixture
def api(house: House) -> ResourceApi:
    """The orders."""
    return house.platform.engine.api("maintenance.work_orders")


def asking(house: House, tenant: Tenant, *grants: str, who: Any = None) -> Context:
    """Somebody with these rights."""
    actor = Actor(ActorKind.user, who or uuid7(), tenant=tenant.id, grants=grants)
    session = house.platform.open_session(tenant.home, tenant.id)
    return Context(actor, tenant=tenant, session=session)


async def found(
    api: ResourceApi, ctx: Context, *actions: str, **query: str
) -> list[str]:
    """The titles of what is selected, in its order."""
    picked = api.selection(ctx, query, *actions)
    statement = Statement(
        f"WITH {CONTEXT} SELECT r.title FROM ctx CROSS JOIN LATERAL"
        f" (SELECT c.title FROM {HOME}.maintenance_work_orders c"
        f" WHERE c.tenant_id = ctx.tenant_id{picked.sql(Numbers())}"
        f" ORDER BY {picked.order}) r"
    )
    return [row["title"] for row in await ctx.session.fetch(statement, *picked.args)]


async def test_a_selection_is_what_the_list_is_of(
    house: House, tenant: Tenant, owner: Caller, api: ResourceApi
) -> None:
    me = uuid7()
    for title, whose in (("a", None), ("b", str(me)), ("c", None)):
        await owner.create(ORDERS, title=title, assignee_id=whose)
    ctx = asking(house, tenant, "*", who=me)
    assert await found(api, ctx) == ["c", "b", "a"]
    assert await found(api, ctx, sort="id", page="9", cursor="x") == ["a", "b", "c"]
    assert await found(api, ctx, filter="assignee_id!=@me", sort="id") == ["a", "c"]
    assert await found(api, ctx, deleted="only") == []


async def test_a_selection_reaches_as_far_as_every_right_that_is_needed(
    house: House, tenant: Tenant, api: ResourceApi
) -> None:
    """R36: who reads all and changes their own, changes their own."""
    name = "maintenance.work_orders"
    ctx = asking(house, tenant, f"{name}.read", f"own:{name}.update")
    assert api.selection(ctx, {}).where != api.selection(ctx, {}, "update").where
    assert await found(api, ctx, "update") == []
    picked = api.selection(ctx, {"filter": "state==open"}, "update")
    assert picked.args == ("open", ctx.actor.id)


@pytest.mark.parametrize("text", ["subject==x", "state==\x00", "state=='\ud800'"])
async def test_a_selection_is_refused_before_a_database_sees_it(
    house: House, tenant: Tenant, api: ResourceApi, text: str
) -> None:
    with pytest.raises(BadQuery):
        api.selection(asking(house, tenant, "*"), {"filter": text})


async def test_equal_forms_are_alike_whatever_the_values(
    house: House, tenant: Tenant, api: ResourceApi
) -> None:
    ctx = asking(house, tenant, "*")
    (one, two, other) = (
        api.selection(ctx, {"filter": text}).shape
        for text in ("state==open", "state==done", "state!=open")
    )
    assert hash(one) == hash(two)
    assert one == two
    assert one != other
