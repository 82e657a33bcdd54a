"""The operations of signing in with a provider, for whoever comes to a tenant's host."""

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_urlsafe
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.errors import NotFound
from insula.kernel.identity.cookies import Cookie
from insula.kernel.identity.operations import baked, pair
from insula.kernel.identity.sessions import Origin
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.api import row_id
from insula.kernel.services.federation.commands import (
    Callback,
    Discovered,
    Offer,
    Start,
    Started,
)
from insula.kernel.services.federation.flow import (
    LIFETIME,
    Flow,
    Known,
    Return,
    digest,
    refuse,
)
from insula.kernel.services.federation.linking import Linking
from insula.kernel.services.federation.models import ProviderKind
from insula.kernel.services.federation.problems import SignInRefused, Untrusted
from insula.kernel.services.federation.providers import (
    Provider,
    domain_of,
    enabled,
    find,
    proved,
)

CALLBACK = "/api/v1/auth/oidc/callback"
PAGE = "/sign-in"
"""Where the console takes over; the parameters follow behind a ``#``, unlogged."""
PASSED_ON = ("state", "code", "error", "iss")
KINDS = frozenset(kind.value for kind in ProviderKind)
"""Ways to sign in that a tenant's policy names as its providers are of."""
BEGUN = Cookie("insula-sso")
"""What binds a sign-in to the browser in which it began."""


@dataclass(frozen=True, slots=True)
class ProviderSignIn:
    """Signing in with a provider, from the list of them to the session."""

    flow: Flow
    linking: Linking
    identity: Identity

    async def providers(self, ctx: Context, _: Call) -> Reply:
        """List the providers to sign in with."""
        return Reply(msgspec.json.encode(_offers(await _offered(ctx))))

    async def discover(self, ctx: Context, call: Call) -> Reply:
        """Tell how people of an address's domain sign in; whoever they are."""
        domain, every = domain_of(call.body.email), await _offered(ctx)
        known = await proved(ctx.session, domain)
        theirs = [it for it in every if known and domain in it.domains]
        offered = theirs or [it for it in every if not it.domains]
        kinds = {it.kind.value for it in offered}
        policy = ctx.tenant.policy
        methods = [it for it in policy.methods if it not in KINDS or it in kinds]
        found = Discovered(methods=methods, providers=[_offer(it) for it in offered])
        return Reply(found.model_dump_json().encode())

    async def start(self, ctx: Context, call: Call) -> Reply:
        """Begin to sign in with a provider."""
        return await self._begin(ctx, call, None)

    async def link(self, ctx: Context, call: Call) -> Reply:
        """Begin to link one's account to one's identity at a provider."""
        return await self._begin(ctx, call, ctx.actor.id)

    async def _begin(self, ctx: Context, call: Call, linking: UUID | None) -> Reply:
        body: Start = call.body
        provider = await startable(ctx, row_id(call), ProviderKind.oidc)
        verifier = token_urlsafe(32)
        begun = await self.flow.begin(
            ctx,
            provider,
            f"{base_url(ctx, call)}{CALLBACK}",
            challenge=body.challenge or digest(verifier),
            return_to=body.return_to,
            linking=linking,
        )
        lasts = int(LIFETIME.total_seconds())
        answer = Started(authorize_url=begun.url, state=begun.state, expires_in=lasts)
        cookie = (
            () if body.challenge else (BEGUN.give(verifier, lasts, secure=call.secure),)
        )
        return Reply(answer.model_dump_json().encode(), headers=cookie)

    async def land(self, _: Context, call: Call) -> Reply:
        """Take the browser to the page that ends the sign-in."""
        passed = {key: call.query[key] for key in PASSED_ON if key in call.query}
        location = f"{PAGE}#{urlencode({'sso': '1', **passed})}"
        headers = (
            (b"location", location.encode()),
            (b"referrer-policy", b"no-referrer"),
        )
        return Reply(b"", status=303, content_type="text/plain", headers=headers)

    async def finish(self, ctx: Context, call: Call) -> Reply:
        """End a sign-in with a provider: sign in, or link the account."""
        return await self.settle(ctx, call, await self.flow.end(ctx, _return(call)))

    async def settle(self, ctx: Context, call: Call, known: Known) -> Reply:
        """Sign in whom a provider has spoken of, or link their account."""
        if known.linking is not None:
            await self.linking.link(ctx, known, known.linking)
            reply = Reply(b"null")
        else:
            reply = await self._enter(ctx, call, known)
        reply.meta = {**(reply.meta or {}), "return_to": known.return_to}
        reply.headers = (*reply.headers, BEGUN.give("", 0, secure=call.secure))
        return reply

    async def _enter(self, ctx: Context, call: Call, known: Known) -> Reply:
        realm = self.identity.users(ctx)
        try:
            account = await self.linking.account(ctx, known, realm)
        except Untrusted as reason:
            await refuse(ctx, known.provider, str(reason))
            raise SignInRefused from None
        origin = Origin(ctx.request_id, ctx.client, call.user_agent)
        signed_in = await realm.enter(account, ("sso",), origin)
        if call.body.cookie:
            return await baked(realm, signed_in, secure=call.secure)
        return pair(signed_in)


def base_url(ctx: Context, call: Call) -> str:
    """The address of the tenant's host, on the port that it is asked at."""
    scheme = "https" if call.secure else "http"
    host = call.headers.get(b"host", b"").decode("latin-1")
    port = host.rpartition(":")[2]
    behind = f":{port}" if port.isdigit() and port != host else ""
    return f"{scheme}://{ctx.tenant.domain}{behind}"


def _return(call: Call) -> Return:
    body: Callback = call.body
    verifier = body.verifier or BEGUN.read(call.headers) or ""
    return Return(body.state, body.code, body.error, body.iss, verifier)


async def _offered(ctx: Context) -> Sequence[Provider]:
    methods = ctx.tenant.policy.methods
    if not KINDS & {*methods}:
        return ()
    return [it for it in await enabled(ctx.session) if it.kind.value in methods]


async def startable(ctx: Context, provider_id: UUID, kind: ProviderKind) -> Provider:
    """A provider of that kind with which people may sign in; raises ``NotFound``."""
    if kind.value not in ctx.tenant.policy.methods:
        raise NotFound
    found = await find(ctx.session, provider_id)
    if found.kind is not kind:
        raise NotFound
    return found


def _offer(provider: Provider) -> Offer:
    it = provider
    return Offer(id=it.id, name=it.name, kind=it.kind, preset=it.preset)


def _offers(every: Sequence[Provider]) -> list[dict[str, object]]:
    return [_offer(it).model_dump(mode="json") for it in every]
