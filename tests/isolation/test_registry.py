"""Every route is an operation of a known builder, and the suite asks each of them."""

from collections.abc import Iterator

from insula.kernel.access.operation import Audience, Operation
from insula.kernel.http.application import Application
from insula.kernel.http.router import Node
from insula.server.build import build_app, operations
from tests.house import House
from tests.isolation.neighbours import (
    BODIES,
    DEEDS,
    EXPORTS,
    FEEDS,
    IMPORTS,
    LISTS,
    LIVE,
    OF_ONE,
    OPERATIONS,
    OWN,
    REPORTS,
    SIGNING_IN,
    VIEWS,
)

BUILDERS = {
    "insula.kernel.identity",
    "insula.kernel.operations",
    "insula.kernel.resource",
    "insula.kernel.resource.aggregates",
    "insula.kernel.resource.exports",
    "insula.kernel.resource.imports",
    "insula.kernel.resource.merging",
    "insula.kernel.resource.meta",
    "insula.kernel.resource.reports",
    *(
        f"insula.kernel.services.{it}"
        for it in (
            "access",
            "accounts",
            "analytics",
            "audit",
            "bulk",
            "comments",
            "contacts",
            "custom",
            "exporting",
            "factors",
            "federation",
            "federation.saml",
            "files",
            "importing",
            "jobs",
            "keys",
            "linking",
            "live",
            "mail",
            "merging",
            "mcp",
            "notifications",
            "oauth",
            "pages",
            "privacy",
            "saved_views",
            "reports",
            "scim",
            "searching",
            "support",
            "tags",
            "timeline",
            "webhooks",
        )
    ),
}
"""The packages that make operations: all of those take tenant and actor from the walk."""
PLAIN = {"/", "/openapi.json", "/api/v1/openapi.json"}


def below(node: Node) -> Iterator[Operation]:
    yield from node.methods.values()
    wildcard = () if node.wildcard is None else (node.wildcard,)
    for child in (*node.children.values(), *wildcard):
        yield from below(child)


async def test_every_route_of_a_tenant_is_in_this_suite(house: House) -> None:
    """S0-56: what is served on a tenant's host is what these tests were made from."""
    every = operations(house.platform)
    for_tenants = {
        it.name: (it.method, it.path)
        for it in every
        if it.audience in (Audience.tenant, Audience.visitor)
    }
    assert for_tenants == {it.name: (it.method, it.path) for it in OPERATIONS.values()}
    assert len(every) == len({(it.audience, it.method, it.path) for it in every})


def test_every_operation_is_asked_for_more_than_its_signals() -> None:
    asked = {*OF_ONE, *BODIES, *LISTS, *FEEDS, *IMPORTS, *VIEWS, *OWN, *DEEDS, *EXPORTS}
    assert {*asked, *REPORTS, *SIGNING_IN, *LIVE} == set(OPERATIONS)
    assert set(LIVE) == {"events.stream", "events.socket"}


async def test_no_route_leads_past_the_walk(house: House) -> None:
    """Each leaf of the routers is an operation, made where operations are made."""
    front = build_app(house.platform, {}, house.witness)
    application = front.app
    assert isinstance(application, Application)
    assert set(application._pages) == PLAIN
    routers = (application._tenants, application._operators)
    leaves = [it for router in routers for it in below(router._router._root)]
    assert len(leaves) == len(operations(house.platform))
    for leaf in leaves:
        run = getattr(leaf.run, "func", leaf.run)  # of a partial
        source = getattr(run, "__module__", "").rpartition(".")[0]
        assert source in BUILDERS, (leaf.name, source)
