"""The operations of signing in: the same four for users and, on their host, operators."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.cookies import SESSION, forgery_token
from insula.kernel.identity.devices import DEVICE, LASTS
from insula.kernel.identity.sessions import Account, Origin
from insula.kernel.identity.signing_in import (
    Identity,
    InvalidCredentials,
    Realm,
    SignedIn,
    SignInBusy,
)
from insula.kernel.identity.tokens import LIFETIME
from insula.kernel.tenancy.tenant import Tenant

REF = "#/components/schemas/{model}"
RealmOf = Callable[[Context], Realm]


class Login(BaseModel):
    """Who somebody says to be, and the proof."""

    model_config = ConfigDict(extra="forbid", strict=True)
    email: Annotated[
        str, Field(min_length=3, max_length=255, examples=["ada@acme.test"])
    ]
    password: Annotated[
        str,
        Field(min_length=1, max_length=256, json_schema_extra={"format": "password"}),
    ]
    cookie: bool = False
    """Whether a browser keeps the session in a cookie, instead of tokens."""


class Refresh(BaseModel):
    """The refresh token that was given last."""

    model_config = ConfigDict(extra="forbid", strict=True)
    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


class Person(BaseModel):
    """Somebody who signs in, as they see themselves."""

    id: UUID
    name: str
    email: str
    avatar: str | None
    roles: list[str]


class TokenPair(BaseModel):
    """The tokens of a sign-in: the first for every request, the second for the next pair."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # a kind of token
    expires_in: int
    refresh_expires_in: int
    user: Person


class CookieSession(BaseModel):
    """A session that the browser keeps: what its pages must send, and who it is.

    ``csrf_token`` belongs into the header ``X-CSRF-Token`` of whatever writes.
    """

    csrf_token: str
    expires_in: int
    user: Person


class TenantView(BaseModel):
    """The organisation that somebody is signed in to."""

    id: UUID
    slug: str
    name: str


class SupportView(BaseModel):
    """By whose leave an operator is inside: what a page shows all the while."""

    operator: str
    reason: str
    scope: str
    until: datetime


class CurrentUser(BaseModel):
    """Who is signed in, and what they may do (S0-35)."""

    user: Person
    roles: list[str]
    permissions: list[str]
    tenant: TenantView | None
    support: SupportView | None = None


Guests = Callable[[Actor], Awaitable[tuple[Account, SupportView] | None]]
"""Knows the operators who are inside a tenant; None of whoever is none."""


def _person(account: Account) -> Person:
    return Person(
        id=account.id,
        name=account.name,
        email=account.email,
        avatar=account.avatar,
        roles=list(account.roles),
    )


def _tenant(tenant: Tenant) -> TenantView:
    return TenantView(id=tenant.id, slug=tenant.slug, name=tenant.name)


def pair(signed_in: SignedIn) -> Reply:
    """The answer to a sign-in: its tokens."""
    tokens = TokenPair(
        access_token=signed_in.access_token,
        refresh_token=signed_in.refresh_token,
        expires_in=LIFETIME,
        refresh_expires_in=int(signed_in.refresh_expires_in.total_seconds()),
        user=_person(signed_in.account),
    )
    return Reply(tokens.model_dump_json().encode())


async def baked(realm: Realm, signed_in: SignedIn, *, secure: bool) -> Reply:
    """The answer to a sign-in of a browser: its cookie, and what its pages send."""
    cookie = await realm.bake(signed_in)
    seconds = int(signed_in.refresh_expires_in.total_seconds())
    body = CookieSession(
        csrf_token=forgery_token(cookie),
        expires_in=seconds,
        user=_person(signed_in.account),
    )
    headers = [SESSION.give(cookie, seconds, secure=secure)]
    return Reply(body.model_dump_json().encode(), headers=headers)


def _origin(ctx: Context, call: Call) -> Origin:
    return Origin(ctx.request_id, ctx.client, call.user_agent)


def _schema(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    return lambda: model.model_json_schema(mode="serialization", ref_template=REF)


class SigningIn:
    """The four deeds of signing in, over one kind of realm."""

    def __init__(self, realm: RealmOf, guests: Guests | None = None) -> None:
        self._realm, self._guests = realm, guests

    async def login(self, ctx: Context, call: Call) -> Reply:
        """Sign in."""
        body: Login = call.body
        realm, origin = self._realm(ctx), _origin(ctx, call)
        ctx.device = DEVICE.read(call.headers)
        signed_in = await realm.login(body.email, body.password, origin)
        if body.cookie:
            reply = await baked(realm, signed_in, secure=call.secure)
        else:
            reply = pair(signed_in)
        known = realm.doors.throttle.introduce(ctx, signed_in.account.id)
        if known is not None:
            device = DEVICE.give(known, LASTS, secure=call.secure)
            reply.headers = (*reply.headers, device)
        return reply

    async def bake(self, ctx: Context, call: Call) -> Reply:
        """Keep a sign-in in a cookie from now on."""
        body: Refresh = call.body
        realm = self._realm(ctx)
        signed_in = await realm.renew(body.refresh_token, _origin(ctx, call))
        return await baked(realm, signed_in, secure=call.secure)

    async def refresh(self, ctx: Context, call: Call) -> Reply:
        """Exchange a refresh token."""
        body: Refresh = call.body
        origin = _origin(ctx, call)
        return pair(await self._realm(ctx).renew(body.refresh_token, origin))

    async def logout(self, ctx: Context, call: Call) -> Reply:
        """Sign out."""
        await self._realm(ctx).logout(ctx.actor, _origin(ctx, call))
        if SESSION.read(call.headers) is None:
            return Reply()
        return Reply(headers=[SESSION.give("", 0, secure=call.secure)])

    async def current(self, ctx: Context, _: Call) -> Reply:
        """Tell who is signed in."""
        guest = None if self._guests is None else await self._guests(ctx.actor)
        if guest is None:
            account, support = await self._realm(ctx).current(ctx.actor), None
        else:
            account, support = guest
        current = CurrentUser(
            user=_person(account),
            roles=list(account.roles),
            permissions=sorted(account.grants),
            tenant=None if ctx.actor.tenant is None else _tenant(ctx.tenant),
            support=support,
        )
        return Reply(current.model_dump_json().encode())


def _operations(
    realm: RealmOf, visitor: Audience, member: Audience, guests: Guests | None = None
) -> tuple[Operation, ...]:
    deeds = SigningIn(realm, guests)
    return (
        Operation(
            name="auth.login", method="POST", path="/api/v1/auth/login",
            run=deeds.login, summary="Sign in with e-mail and password",
            audience=visitor, limit="login", body=Login, answer=_schema(TokenPair),
            errors=(InvalidCredentials, SignInBusy),
        ),
        Operation(
            name="auth.refresh", method="POST", path="/api/v1/auth/refresh",
            run=deeds.refresh, summary="Exchange a refresh token for new tokens",
            audience=visitor, limit="auth", body=Refresh, answer=_schema(TokenPair),
            errors=(Unauthenticated,),
        ),
        Operation(
            name="auth.logout", method="POST", path="/api/v1/auth/logout",
            run=deeds.logout, summary="Sign out: every token of this sign-in dies",
            audience=member, factorless=True, answer=lambda: {"type": "null"},
        ),
        Operation(
            name="auth.user", method="GET", path="/api/v1/auth/user",
            run=deeds.current, summary="Who is signed in, and what they may do",
            audience=member, writes=False, factorless=True,
            answer=_schema(CurrentUser),
        ),
    )  # fmt: skip


def tenant_operations(
    identity: Identity, guests: Guests | None = None
) -> tuple[Operation, ...]:
    """Signing in on a tenant's host, for its users."""
    bake = Operation(
        name="auth.cookie", method="POST", path="/api/v1/auth/cookie",
        run=SigningIn(identity.users).bake, audience=Audience.visitor, limit="auth",
        body=Refresh,
        summary="Keep a sign-in in a cookie: its tokens are good no more",
        answer=_schema(CookieSession), errors=(Unauthenticated,),
    )  # fmt: skip
    visitor, member = Audience.visitor, Audience.tenant
    return *_operations(identity.users, visitor, member, guests), bake


def operator_operations(identity: Identity) -> tuple[Operation, ...]:
    """Signing in on the ``admin`` host, for operators (S1-02)."""
    return _operations(identity.operators, Audience.gate, Audience.operator)
