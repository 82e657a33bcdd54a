"""Authorizing: a person signs in, and lets a program act for them or not."""

import re
from collections.abc import Mapping
from dataclasses import replace

from pydantic import ValidationError

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply, Run
from insula.kernel.foundation.errors import Problem, Unauthenticated
from insula.kernel.identity.authenticate import Authenticator
from insula.kernel.identity.cookies import SESSION
from insula.kernel.identity.factors.problems import (
    EnrolmentRequired,
    FactorRefused,
    SecondFactorRequired,
)
from insula.kernel.identity.signing_in import Identity
from insula.kernel.services.factors.views import SecondFactor
from insula.kernel.services.keys.scopes import included
from insula.kernel.services.oauth.asking import (
    Bounce,
    NobodyToTell,
    read_request,
)
from insula.kernel.services.oauth.codes import Codes
from insula.kernel.services.oauth.known import KnownClients, names_of
from insula.kernel.services.oauth.models import ClientKind
from insula.kernel.services.oauth.pages import Button, Page, rendered
from insula.kernel.services.oauth.phrases import language_of
from insula.kernel.services.oauth.refusals import Refusal, fields
from insula.kernel.services.oauth.statements import GRANTED
from insula.kernel.services.oauth.visiting import (
    Visit,
    answer_of,
    code_page,
    form_of,
    go,
    issuer,
    ours,
    sign_in_page,
    stop,
    visiting,
)
from insula.kernel.tenancy.signals import TenantMismatch

BROWSERS = "inss_"
DIGITS = re.compile(r"\d{6}", re.ASCII)
Headers = tuple[tuple[bytes, bytes], ...]


class Authorizing:
    """The authorization endpoint of all tenants (RFC 6749, 3.1)."""

    def __init__(
        self,
        clients: KnownClients,
        codes: Codes,
        identity: Identity,
        authenticator: Authenticator,
        second_step: Run,
    ) -> None:
        """``second_step`` is the operation that completes a sign-in with a code."""
        self._clients, self._codes, self._identity = clients, codes, identity
        self._authenticator, self._second_step = authenticator, second_step

    async def show(self, ctx: Context, call: Call) -> Reply:
        """Ask a person whether a program may act for them."""
        visit = await self._enter(ctx, call)
        if isinstance(visit, Reply):
            return visit
        if visit.actor is None:
            return sign_in_page(visit)
        if await self._known(visit, visit.actor):
            return await self._allow(visit, visit.actor)
        return await self._consent_page(visit, visit.actor)

    async def act(self, ctx: Context, call: Call) -> Reply:
        """Take what a person answered: who they are, and whether it may."""
        visit = await self._enter(ctx, call)
        if isinstance(visit, Reply):
            return visit
        try:
            form = fields(call.raw)
        except Refusal:
            form = {}
        if not ours(visit, form):
            return stop(visit.ctx, visit.language, "forged", 403)
        if visit.actor is None:
            return await self._sign_in(visit, form)
        match form.get("step"):
            case "allow":
                return await self._allow(visit, visit.actor)
            case "deny":
                return go(answer_of(visit, error="access_denied"))
            case _:
                return go(call.target)

    async def _enter(self, ctx: Context, call: Call) -> Visit | Reply:
        """What the visit is about; an answer if it ends here."""
        usual = ctx.tenant.policy.locale
        language = language_of(call.headers.get(b"accept-language"), usual)
        try:
            wanted = await read_request(ctx, self._clients, call.query, issuer(call))
        except NobodyToTell:
            return stop(ctx, language, "nobody_why", 400)
        except Bounce as bounce:
            return go(bounce.address)
        cookie = SESSION.read(call.headers)
        actor = None if cookie is None else await self._user(ctx, cookie)
        secret = (cookie if actor else None) or visiting(call)
        return Visit(ctx, call, language, wanted, actor, secret)

    async def _user(self, ctx: Context, cookie: str) -> Actor | None:
        """Whose browser it is; a session of another kind or tenant is none."""
        if not cookie.startswith(BROWSERS):
            return None
        try:
            return await self._authenticator.actor(ctx.tenant, cookie)
        except (Unauthenticated, TenantMismatch):
            return None

    async def _known(self, visit: Visit, actor: Actor) -> bool:
        """Whether they let this program do all that before.

        Any program of a device can say that it is a public one: people are asked.
        """
        client = visit.wanted.client
        if client.kind is ClientKind.public:
            return False
        rows = await visit.ctx.session.fetch(GRANTED, actor.id, client.id)
        return bool(rows) and included(visit.wanted.scopes, names_of(rows[0]["scopes"]))

    async def _allow(self, visit: Visit, actor: Actor) -> Reply:
        code = await self._codes.issue(visit.ctx, actor, visit.wanted)
        return go(answer_of(visit, code=code))

    async def _consent_page(self, visit: Visit, actor: Actor) -> Reply:
        account = await self._identity.users(visit.ctx).current(actor)
        wanted = visit.wanted
        page = Page(
            tenant=visit.ctx.tenant.name,
            title=visit.say("wants", client=wanted.client.name),
            body=visit.say("as", name=f"{account.name} ({account.email})"),
            scopes=[
                visit.say("everything") if it == "*" else it
                for it in sorted(wanted.scopes)
            ],
            notes=(
                visit.say("sends", where=wanted.redirect_uri),
                visit.say("withdraw"),
            ),
            form=form_of(
                visit,
                (),
                (
                    Button("allow", visit.say("allow")),
                    Button("deny", visit.say("deny")),
                ),
            ),
            leads_to=wanted.redirect_uri,
        )
        return rendered(page, visit.language)

    async def _sign_in(self, visit: Visit, form: Mapping[str, str]) -> Reply:
        challenge = form.get("challenge", "")
        try:
            if form.get("step") == "prove":
                cookie = await self._proved(visit, challenge, form.get("code", ""))
            else:
                cookie = await self._logged_in(visit, form)
        except SecondFactorRequired as problem:
            return code_page(visit, str(problem.details["challenge"]))
        except (FactorRefused, ValidationError):
            return code_page(visit, challenge, wrong=True)
        except EnrolmentRequired:
            other = visit.say("other_way", tenant=visit.ctx.tenant.name)
            return sign_in_page(visit, other, 401)
        except Unauthenticated:
            return sign_in_page(visit, visit.say("wrong"), 401)
        except Problem as problem:
            return sign_in_page(visit, problem.message, problem.status)
        return go(visit.call.target, *cookie)

    async def _logged_in(self, visit: Visit, form: Mapping[str, str]) -> Headers:
        realm = self._identity.users(visit.ctx)
        given = form.get("email", ""), form.get("password", "")
        signed_in = await realm.login(*given, visit.origin)
        cookie = await realm.bake(signed_in)
        seconds = int(signed_in.refresh_expires_in.total_seconds())
        return (SESSION.give(cookie, seconds, secure=visit.call.secure),)

    async def _proved(self, visit: Visit, challenge: str, code: str) -> Headers:
        """The cookie of a sign-in that a code completes; as the API completes one."""
        body = SecondFactor(
            challenge=challenge,
            method="totp" if DIGITS.fullmatch(code) else "backup_code",
            code=code,
            cookie=True,
        )
        reply = await self._second_step(visit.ctx, replace(visit.call, body=body))
        return tuple(it for it in reply.headers if it[0] == b"set-cookie")
