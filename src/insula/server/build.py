"""The HTTP side of the house: every operation, the walk, and the front before it."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from uuid import UUID

import msgspec

from insula import __version__
from insula.kernel.access.operation import Audience, Operation
from insula.kernel.http.application import Application, Observer, Plain
from insula.kernel.http.cors import Cors
from insula.kernel.http.front import Front, FrontSettings
from insula.kernel.http.inside import Inside
from insula.kernel.http.jsonapi import Renderer
from insula.kernel.http.nowhere import Nowhere
from insula.kernel.http.once import Once
from insula.kernel.http.openapi import document
from insula.kernel.http.request import Request
from insula.kernel.http.router import Router
from insula.kernel.http.versions import refuse_short_notice
from insula.kernel.http.walk import Hosts, Walk
from insula.kernel.identity.operations import operator_operations, tenant_operations
from insula.kernel.operations.security_policy import SecurityPolicyOperations
from insula.kernel.operations.tenant_profile import TenantProfile
from insula.kernel.operations.tenants import TenantOperations
from insula.kernel.resource.meta.operations import MetaOperations
from insula.kernel.resource.references import References
from insula.kernel.services.access.operations import AccessOperations
from insula.kernel.services.access.overview import Overview
from insula.kernel.services.analytics.operations import analytics_operations
from insula.kernel.services.audit.operators import OperatorLog
from insula.kernel.services.live.operations import LiveOperations
from insula.kernel.services.live.tickets import Tickets
from insula.kernel.services.live.visibility import Visibility
from insula.kernel.services.notifications.inbox import inbox_operations
from insula.kernel.services.notifications.kinds import Kinds
from insula.kernel.services.notifications.preferences import PreferenceOperations
from insula.kernel.services.webhooks.inbound import InboundProvisioning
from insula.kernel.services.webhooks.inbound_sources import InboundSources
from insula.server.platform import Platform
from insula.server.welcome import Welcome

Page = Callable[[Request], Awaitable[Plain]]

LARGEST_BODY = 32 * 1_048_576
"""Bytes: what an import may send; others take less (``request.BODY_LIMIT``), uploads more."""


def operations(platform: Platform) -> tuple[Operation, ...]:
    """Every operation of this installation: the tenants' and the operators'."""
    tenants = TenantOperations(platform.provisioning, platform.installations)
    guests = platform.services.operating.support.passes.guest
    every = (
        *tenant_operations(platform.identity, guests),
        *platform.engine.operations(),
        *platform.services.operations(),
        *access_operations(platform),
        *meta_operations(platform),
        *live_operations(platform),
        *notification_operations(platform),
        *operator_operations(platform.identity),
        *inbound_operations(platform),
        *analytics_operations(),
        *tenants.operations(),
        *OperatorLog(platform.control).operations(),
        *policy_operations(platform),
    )
    return *every, *platform.services.pages(every)


def access_operations(platform: Platform) -> tuple[Operation, ...]:
    """Roles, teams, and why somebody may do what they may."""
    engine = platform.engine
    overview = Overview(engine, lambda: operations(platform))
    written = AccessOperations(engine, platform.bus.announce)
    return *written.operations(), *overview.operations()


def meta_operations(platform: Platform) -> tuple[Operation, ...]:
    """What a console must know before it shows anything."""
    every = partial(operations, platform)
    saved = platform.services.collaboration.saved_views.usable
    meta = MetaOperations(platform.engine, every, platform.languages, saved)
    return meta.operations()


def live_operations(platform: Platform) -> tuple[Operation, ...]:
    """Hearing of events, and reading them."""
    engine = platform.engine
    permissions = {it.resource.type: f"{it.resource.name}.read" for it in engine.apis}
    visibility = Visibility(permissions, engine.apps, engine.hidden_from)
    tickets = Tickets(platform.sealer)
    return LiveOperations(platform.live, visibility, tickets).operations()


def policy_operations(platform: Platform) -> tuple[Operation, ...]:
    """How a tenant lets people in, and what it says of itself."""

    def changed(tenant_id: UUID) -> None:
        platform.directory.heard(f"tenant:{tenant_id}")
        platform.bus.announce(f"tenant:{tenant_id}")

    policy = SecurityPolicyOperations(
        platform.control, platform.networks, lambda: platform.engine.roles, changed
    )
    profile = TenantProfile(platform.control, changed)
    return *policy.operations(), *profile.operations()


def inbound_operations(platform: Platform) -> tuple[Operation, ...]:
    """Signed messages from outside, to the operators."""
    sources = InboundSources(platform.control, platform.sealer)
    provisioning = platform.provisioning
    return InboundProvisioning(platform.control, sources, provisioning).operations()


def notification_operations(platform: Platform) -> tuple[Operation, ...]:
    """Reading one's notifications, and choosing how they come."""
    apps = platform.engine.apps.values()
    kinds = Kinds(kind for app in apps for kind in app.notifications)
    return *inbox_operations(), *PreferenceOperations(kinds).operations()


def build_app(
    platform: Platform, pages: Mapping[str, Page], observer: Observer
) -> Front:
    """The ASGI application of a platform that is open."""
    every = operations(platform)
    refuse_short_notice(every)
    references = References(it.resource for it in platform.engine.apis)
    for_operators = (Audience.operator, Audience.gate)
    theirs = [it for it in every if it.audience in for_operators]
    tenants = [it for it in every if it.audience not in for_operators]
    hosts = Hosts(platform.settings.base_domain)
    walk = Walk(
        hosts,
        platform.directory,
        platform.authenticator,
        platform.open_session,
        platform.audit_operator,
        platform.limits,
        platform.networks,
        Nowhere(platform.identity, platform.settings.limit_login),
        Once(platform.sealer),
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
        cors=Cors(hosts, platform.directory),
        languages=platform.languages,
        renderer=Renderer(references.relations(), references.children()),
    )
    platform.services.mcp.open(Inside(application), tenants)
    settings = FrontSettings(
        trusted_proxies=platform.settings.trusted_proxies,
        max_body_bytes=max(LARGEST_BODY, *(it.body_limit or 0 for it in every)),
        hsts=platform.settings.env == "production",
    )
    return Front(application, settings, platform.languages)


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
