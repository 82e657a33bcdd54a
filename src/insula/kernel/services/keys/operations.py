"""What callers do with keys: make them, and see that they work no more."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from insula.kernel.access.actor import ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply, summary_of
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import Denied, FieldError, Invalid, NotFound
from insula.kernel.identity.authenticate import topic_of
from insula.kernel.identity.opaque import OpaqueTokens
from insula.kernel.resource.api import row_id, tag
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext, values_of
from insula.kernel.services.keys.models import ApiKey
from insula.kernel.services.keys.scopes import (
    ScopeNotHeld,
    Scopes,
    check_held,
    check_limit,
)
from insula.kernel.services.keys.sources import PERSONAL, TENANT_KEY
from insula.kernel.services.keys.statements import OWN

KEYS, OWN_TOKENS = "/api/v1/api-keys", "/api/v1/auth/tokens"
NAMED = 42
"""Characters that name tenant and key, behind the prefix; the secret follows."""
REF = "#/components/schemas/{model}"


class KeysAreForPeople(Denied):
    """Personal tokens belong to users: sign in as one."""

    code = "USERS_ALONE"


class NewKey(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: Annotated[str, Field(min_length=1, max_length=255, examples=["Reporting"])]
    scopes: Scopes
    expires_at: Annotated[
        AwareDatetime | None,
        Field(description="When it stops to work; null is never."),
    ] = None


class OwnToken(BaseModel):
    """A personal token, as its user sees it."""

    id: UUID
    name: str
    scopes: list[str]
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class KeyOperations:
    """Makes and revokes keys; ``announce`` has every process forget one."""

    def __init__(
        self,
        engine: Engine,
        key: bytes,
        announce: Callable[[str], None],
        *,
        clock: Clock = now,
    ) -> None:
        self._engine, self._announce, self._clock = engine, announce, clock
        self._api = engine.api("api_keys")
        self._makers = {it: OpaqueTokens(key, it) for it in (TENANT_KEY, PERSONAL)}

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Make a key of the organisation; the answer alone shows its text."""
        check_held(ctx.actor, call.body.scopes)
        return await self._made(ctx, call.body, None)

    async def create_own(self, ctx: Context, call: Call) -> Reply:
        """Make a personal token; the answer alone shows its text."""
        check_limit(ctx.actor, call.body.scopes)
        return await self._made(ctx, call.body, _user(ctx))

    async def _made(self, ctx: Context, asked: NewKey, owner: UUID | None) -> Reply:
        if asked.expires_at is not None and asked.expires_at <= self._clock():
            raise Invalid(FieldError("expires_at", "past", "It must be in the future."))
        kind = TENANT_KEY if owner is None else PERSONAL
        key = ApiKey(
            name=asked.name,
            scopes=sorted(set(asked.scopes)),
            expires_at=asked.expires_at,
            owner_id=owner,
            created_by=ctx.actor.id,
            prefix="",
            hash="",
        )
        text = self._makers[kind].make(ctx.tenant.id, key.id)
        key.prefix = text[: len(kind) + 1 + NAMED]
        key.hash = self._makers[kind].read(text).hash
        async with self._engine.work(ctx) as work:
            await work.add(key)
        where = KEYS if owner is None else OWN_TOKENS
        return self._shown(key, text, f"{where}/{key.id}")

    def _shown(self, key: ApiKey, text: str, location: str) -> Reply:
        """The key with its text, which no other answer ever has."""
        writer = self._api.writer
        row = msgspec.json.decode(writer.encode(values_of(key, writer)))
        body = msgspec.json.encode({**row, "key": text})
        return Reply(body, status=201, etag=tag(key.version), location=location)

    async def revoke(self, ctx: Context, call: Call) -> Reply:
        """See that a key, or anybody's personal token, works no more."""
        async with self._engine.work(ctx) as work:
            key = await work.lock(ApiKey, row_id(call))
            self._end(key)
        return self._ended(key)

    async def revoke_own(self, ctx: Context, call: Call) -> Reply:
        """See that a personal token of mine works no more."""
        user = _user(ctx)
        async with self._engine.work(ctx) as work:
            key = await _own(work, row_id(call), user)
            self._end(key)
        return self._ended(key)

    def _end(self, key: ApiKey) -> None:
        if key.revoked_at is None:
            key.revoked_at = self._clock()

    def _ended(self, key: ApiKey) -> Reply:
        """Only now, after the commit, can nobody load it again as it was."""
        self._announce(topic_of(key.id))
        writer = self._api.writer
        return Reply(writer.encode(values_of(key, writer)), etag=tag(key.version))

    async def list_own(self, ctx: Context, _: Call) -> Reply:
        """My personal tokens, the newest first."""
        rows = await ctx.session.fetch(OWN, _user(ctx))
        found = [
            OwnToken(
                **{**dict(row), "scopes": msgspec.json.decode(row["scopes"])}
            ).model_dump(mode="json")
            for row in rows
        ]
        return Reply(msgspec.json.encode(found))

    def operations(self) -> tuple[Operation, ...]:
        """All of them, declared."""
        shown: Any = {"answer": self._shown_schema, "status": 201, "step_up": True}
        row: Any = {"answer": self._api.row_schema, "errors": (NotFound,)}
        return (
            _made(
                "api_keys.create", KEYS, self.create, permission="api_keys.create",
                body=NewKey, errors=(Invalid, ScopeNotHeld), **shown,
            ),
            _made(
                "api_keys.revoke", f"{KEYS}/{{id}}/revoke", self.revoke,
                permission="api_keys.revoke", when_read_only=True, **row,
            ),
            _made(
                "api_keys.create_own", OWN_TOKENS, self.create_own, body=NewKey,
                errors=(Invalid, ScopeNotHeld, KeysAreForPeople), **shown,
            ),
            _made(
                "api_keys.revoke_own", f"{OWN_TOKENS}/{{id}}/revoke",
                self.revoke_own, when_read_only=True, **row,
            ),
            _made(
                "api_keys.own", OWN_TOKENS, self.list_own, method="GET", writes=False,
                answer=_own_schema, errors=(KeysAreForPeople,),
            ),
        )  # fmt: skip

    def _shown_schema(self) -> Mapping[str, Any]:
        schema = dict(self._api.row_schema())
        text = {"type": "string", "readOnly": True, "examples": [f"{TENANT_KEY}_…"]}
        schema["title"] = f"{self._api.title}Shown"
        schema["properties"] = {**schema["properties"], "key": text}
        schema["required"] = [*schema["required"], "key"]
        return schema


def _user(ctx: Context) -> UUID:
    """The user who asks; a key of the organisation is none."""
    if ctx.actor.kind is not ActorKind.user or ctx.actor.id is None:
        raise KeysAreForPeople
    return ctx.actor.id


async def _own(work: WorkContext, key: UUID, user: UUID) -> ApiKey:
    """A token of that user, locked; anybody else's is not found."""
    found = await work.lock(ApiKey, key)
    if found.owner_id != user:
        raise NotFound
    return found


def _own_schema() -> Mapping[str, Any]:
    return {"type": "array", "items": OwnToken.model_json_schema(ref_template=REF)}


def _made(
    name: str, path: str, run: Callable[[Context, Call], Awaitable[Reply]], **more: Any
) -> Operation:
    return Operation(
        name=name,
        path=path,
        run=run,
        summary=summary_of(run),
        **{"method": "POST", **more},
    )
