"""The HTTP side of the house: every operation, the walk, and the front before it."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from insula import __version__
from insula.kernel.access.operation import Audience, Operation
from insula.kernel.database.session import Session
from insula.kernel.http.application import Application, Observer, Plain
from insula.kernel.http.front import Front, FrontSettings
from insula.kernel.http.openapi import document
from insula.kernel.http.request import Request
from insula.kernel.http.router import Router
from insula.kernel.http.walk import Hosts, Walk
from insula.kernel.identity.operations import operator_operations, tenant_operations
from insula.kernel.operations.tenants import TenantOperations
from insula.server.platform import Platform
from insula.server.welcome import Welcome

Page = Callable[[Request], Awaitable[Plain]]

LARGEST_BODY = 32 * 1_048_576
"""Bytes: what an import may send; other operations take less (``request.BODY_LIMIT``)."""


def operations(platform: Platform) -> tuple[Operation, ...]:
    """Every operation of this installation: the tenants' and the operators'."""
    tenants = TenantOperations(platform.provisioning, platform.installations)
    return (
        *tenant_operations(platform.identity),
        *platform.engine.operations(),
        *operator_operations(platform.identity),
        *tenants.operations(),
    )


def build_app(
    platform: Platform, pages: Mapping[str, Page], observer: Observer
) -> Front:
    """The ASGI application of a platform that is open."""
    every = operations(platform)
    for_operators = (Audience.operator, Audience.gate)
    theirs = [it for it in every if it.audience in for_operators]
    tenants = [it for it in every if it.audience not in for_operators]
    hosts = Hosts(platform.settings.base_domain)
    walk = Walk(
        hosts,
        platform.directory,
        platform.authenticator,
        lambda home, tenant_id: Session(platform.pools, home, tenant_id),
        platform.audit_operator,
    )
    documents = {True: _Document(theirs), False: _Document(tenants)}

    async def openapi(request: Request) -> Plain:
        return documents[request.origin.host == hosts.admin].page()

    application = Application(
        walk,
        (Router(tenants), Router(theirs)),
        {
            "/": Welcome(hosts, platform.directory),
            "/openapi.json": openapi,
            "/api/v1/openapi.json": openapi,
            **pages,
        },
        platform.engine.breaches(),
        observer,
    )
    settings = FrontSettings(
        trusted_proxies=platform.settings.trusted_proxies,
        max_body_bytes=LARGEST_BODY,
        hsts=platform.settings.env == "production",
    )
    return Front(application, settings)


class _Document:
    """An OpenAPI document, made when it is first asked for: it takes a second."""

    def __init__(self, listed: list[Operation]) -> None:
        self._operations = listed
        self._body: bytes | None = None

    def page(self) -> Plain:
        if self._body is None:
            made = document(self._operations, title="Insula", version=__version__)
            self._body = msgspec.json.encode(made)
        return 200, "application/json", self._body
