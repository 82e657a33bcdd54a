"""The operations of signing in: the same four for users and, on their host, operators."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.foundation.errors import Unauthenticated
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


class TenantView(BaseModel):
    """The organisation that somebody is signed in to."""

    id: UUID
    slug: str
    name: str


class CurrentUser(BaseModel):
    """Who is signed in, and what they may do (S0-35)."""

    user: Person
    roles: list[str]
    permissions: list[str]
    tenant: TenantView | None


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


def _pair(signed_in: SignedIn) -> Reply:
    pair = TokenPair(
        access_token=signed_in.access_token,
        refresh_token=signed_in.refresh_token,
        expires_in=LIFETIME,
        refresh_expires_in=int(signed_in.refresh_expires_in.total_seconds()),
        user=_person(signed_in.account),
    )
    return Reply(pair.model_dump_json().encode())


def _origin(ctx: Context, call: Call) -> Origin:
    return Origin(ctx.request_id, ctx.client, call.user_agent)


def _schema(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    return lambda: model.model_json_schema(mode="serialization", ref_template=REF)


class SigningIn:
    """The four deeds of signing in, over one kind of realm."""

    def __init__(self, realm: RealmOf) -> None:
        self._realm = realm

    async def login(self, ctx: Context, call: Call) -> Reply:
        """Sign in."""
        body: Login = call.body
        realm = self._realm(ctx)
        return _pair(await realm.login(body.email, body.password, _origin(ctx, call)))

    async def refresh(self, ctx: Context, call: Call) -> Reply:
        """Exchange a refresh token."""
        body: Refresh = call.body
        origin = _origin(ctx, call)
        return _pair(await self._realm(ctx).renew(body.refresh_token, origin))

    async def logout(self, ctx: Context, call: Call) -> Reply:
        """Sign out."""
        await self._realm(ctx).logout(ctx.actor, _origin(ctx, call))
        return Reply()

    async def current(self, ctx: Context, _: Call) -> Reply:
        """Tell who is signed in."""
        account = await self._realm(ctx).current(ctx.actor)
        current = CurrentUser(
            user=_person(account),
            roles=list(account.roles),
            permissions=sorted(account.grants),
            tenant=None if ctx.actor.tenant is None else _tenant(ctx.tenant),
        )
        return Reply(current.model_dump_json().encode())


def _operations(
    realm: RealmOf, visitor: Audience, member: Audience
) -> tuple[Operation, ...]:
    deeds = SigningIn(realm)
    return (
        Operation(
            name="auth.login", method="POST", path="/api/v1/auth/login",
            run=deeds.login, summary="Sign in with e-mail and password",
            audience=visitor, body=Login, answer=_schema(TokenPair),
            errors=(InvalidCredentials, SignInBusy),
        ),
        Operation(
            name="auth.refresh", method="POST", path="/api/v1/auth/refresh",
            run=deeds.refresh, summary="Exchange a refresh token for new tokens",
            audience=visitor, body=Refresh, answer=_schema(TokenPair),
            errors=(Unauthenticated,),
        ),
        Operation(
            name="auth.logout", method="POST", path="/api/v1/auth/logout",
            run=deeds.logout, summary="Sign out: every token of this sign-in dies",
            audience=member, answer=lambda: {"type": "null"},
        ),
        Operation(
            name="auth.user", method="GET", path="/api/v1/auth/user",
            run=deeds.current, summary="Who is signed in, and what they may do",
            audience=member, writes=False, answer=_schema(CurrentUser),
        ),
    )  # fmt: skip


def tenant_operations(identity: Identity) -> tuple[Operation, ...]:
    """Signing in on a tenant's host, for its users."""
    return _operations(identity.users, Audience.visitor, Audience.tenant)


def operator_operations(identity: Identity) -> tuple[Operation, ...]:
    """Signing in on the ``admin`` host, for operators (S1-02)."""
    return _operations(identity.operators, Audience.gate, Audience.operator)
