"""The walk: the one path that every request takes, in the order in which it reads."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.networks import Networks
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.database.home import Home
from insula.kernel.database.session import Session
from insula.kernel.foundation.errors import NotFound, Unauthenticated
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.http.admission import admit
from insula.kernel.http.limits import Limits
from insula.kernel.http.nowhere import Nowhere
from insula.kernel.http.once import Once
from insula.kernel.http.request import Request
from insula.kernel.identity.tokens import TokenAudience
from insula.kernel.operations.logs import set_log_tenant
from insula.kernel.tenancy.directory import Directory
from insula.kernel.tenancy.signals import TenantMismatch, TenantNotFound
from insula.kernel.tenancy.tenant import Tenant

VISITOR = Actor(ActorKind.visitor, None)
SURFACES = {
    Audience.tenant: TokenAudience.tenant,
    Audience.portal: TokenAudience.portal,
}
"""Which tokens open what."""


class Authenticates(Protocol):
    """What turns a token into an actor."""

    async def actor(self, tenant: Tenant, token: str, audience: TokenAudience) -> Actor:
        """The actor of that tenant whose token it is, for that surface."""

    async def operator(self, token: str) -> Actor:
        """The operator whose token it is."""

    def tenant_of(self, token: str) -> UUID:
        """The tenant that a valid token names."""


class Hosts:
    """Which kind of host a name is: a tenant's, the operators', or the platform's."""

    def __init__(self, base_domain: str) -> None:
        self.admin = f"admin.{base_domain}"
        self._central = frozenset({base_domain, f"api.{base_domain}", "127.0.0.1"})

    def central(self, host: str) -> bool:
        """Whether the host is the platform's own and names no tenant."""
        return host in self._central or host.startswith("[")


class Walk:
    """Identify, authenticate, admit, parse, run: the rest of the platform in one page.

    Whatever an operation writes is committed when its ``run`` returns, before a byte
    of the answer is sent.
    """

    def __init__(  # noqa: PLR0913  # each is a part of the platform
        self,
        hosts: Hosts,
        directory: Directory,
        authenticator: Authenticates,
        open_session: Callable[[Home, UUID], Session],
        audit_operator: Callable[[Context, Operation, Call], Awaitable[None]],
        limits: Limits,
        networks: Networks,
        nowhere: Nowhere,
        once: Once,
    ) -> None:
        self._once = once
        self.hosts, self._directory, self.limits = hosts, directory, limits
        self._networks, self._nowhere = networks, nowhere
        self._authenticator, self._open = authenticator, open_session
        self._audit = audit_operator

    async def tenant(
        self, request: Request, operation: Operation, key: str
    ) -> tuple[Reply, Tenant, Actor]:
        """A request to a tenant's host, or to the platform's for a named tenant."""
        await self.limits.visit(request, operation)
        try:
            tenant, actor = await self._recognise(request, operation)
        except TenantNotFound:
            if operation.limit == "login" and self._names_tenant(request):
                await self._nowhere.refuse(request, operation)
            await self.limits.stray(request)
            raise
        except (Unauthenticated, TenantMismatch):
            await self.limits.stray(request)
            raise
        await self.limits.admit(request, operation, tenant, actor)
        admit(operation, tenant, actor)
        call = await request.call(operation, key)
        if operation.live:
            call.again = partial(self._enter, request, operation)
        origin = request.origin
        ctx = Context(
            actor,
            tenant=tenant,
            session=self._open(tenant.home, tenant.id),
            request_id=origin.request_id,
            client=origin.client,
        )
        if actor.kind is ActorKind.operator:
            await self._audit(ctx, operation, call)
        return await self._once(request, operation, ctx, call), tenant, actor

    async def _enter(
        self, request: Request, operation: Operation
    ) -> tuple[Tenant, Actor]:
        """Who calls, for which tenant, if they may."""
        tenant, actor = await self._recognise(request, operation)
        admit(operation, tenant, actor)
        return tenant, actor

    async def _recognise(
        self, request: Request, operation: Operation
    ) -> tuple[Tenant, Actor]:
        """Who calls, from where, for which tenant."""
        tenant = await self._identify(request, operation)
        request.locales = (tenant.policy.locale,)
        set_log_tenant(tenant.id, tenant.domain)
        self._networks.check(operation, tenant, request.origin.client)
        actor = await self._authenticate(request, operation, tenant)
        request.locales = (actor.locale, tenant.policy.locale)
        return tenant, actor

    async def operator(
        self, request: Request, operation: Operation, key: str
    ) -> tuple[Reply, Actor]:
        """A request to the operators' host: no tenant is identified (S1-24).

        Each is audited before it is admitted, so that none escapes the trail (S1-29).
        """
        await self.limits.visit(request, operation)
        actor = VISITOR
        if operation.audience is Audience.operator:
            actor = await self._operator(request)
        await self.limits.admit(request, operation, None, actor)
        origin = request.origin
        ctx = Context(actor, request_id=origin.request_id, client=origin.client)
        await self._audit(
            ctx, operation, Call(request.path, key, headers=request.headers)
        )
        admit(operation, None, actor)
        return await operation.run(ctx, await request.call(operation, key)), actor

    async def _operator(self, request: Request) -> Actor:
        """The operator who calls."""
        try:
            token = request.bearer()
            if token is None:
                raise Unauthenticated
            return await self._authenticator.operator(token)
        except Unauthenticated:
            await self.limits.stray(request)
            raise

    def _names_tenant(self, request: Request) -> bool:
        """Whether a request says to which tenant it wants, if there is such or not."""
        central = self.hosts.central(request.origin.host)
        return not central or b"x-tenant-id" in request.headers

    async def _identify(self, request: Request, operation: Operation) -> Tenant:
        """The tenant that host, header and claim agree on; they may not differ (R07)."""
        host, header = request.origin.host, request.headers.get(b"x-tenant-id")
        named = None if header is None else parse_uuid(header.decode("latin-1"))
        if not self.hosts.central(host):
            tenant = await self._directory.at_host(host)
            if header is not None and named != tenant.id:
                raise TenantMismatch
            return tenant
        token = request.credential()
        if header is None:
            if token is None:
                raise TenantNotFound
            named = self._authenticator.tenant_of(token)
        elif operation.audience in SURFACES:
            # Before a look-up that would tell whether the id exists.
            if token is None:
                raise Unauthenticated
            if self._authenticator.tenant_of(token) != named:
                raise TenantMismatch
        if named is None:
            raise TenantNotFound
        return await self._directory.with_id(named)

    async def _authenticate(
        self, request: Request, operation: Operation, tenant: Tenant
    ) -> Actor:
        """The tenant's actor; a token of another tenant is refused (R07)."""
        if operation.audience is Audience.visitor:
            return VISITOR
        surface = SURFACES.get(operation.audience)
        if surface is None:
            raise NotFound
        token = request.credential()
        if token is None:
            raise Unauthenticated
        return await self._authenticator.actor(tenant, token, surface)
