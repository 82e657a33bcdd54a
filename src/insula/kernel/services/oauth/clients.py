"""Clients: the programs that an organisation has registered, and their secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.errors import Conflict, FieldError, Invalid, NotFound
from insula.kernel.resource.api import ResourceApi, row_id, tag
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import values_of
from insula.kernel.services.audit.noting import note
from insula.kernel.services.keys.scopes import ScopeNotHeld, Scopes, check_held
from insula.kernel.services.oauth.ending import Ender
from insula.kernel.services.oauth.known import KnownClients
from insula.kernel.services.oauth.models import ClientKind, Flows, OauthClient
from insula.kernel.services.oauth.redirects import RedirectUris
from insula.kernel.services.oauth.statements import NEW_SECRET

CLIENTS = "/api/v1/oauth-clients"

oauth_clients = Resource(
    OauthClient,
    kernel=True,
    filters=(OauthClient.kind,),
    sort=(OauthClient.created_at, OauthClient.name),
    hidden=(OauthClient.secret_hash,),
    without=(
        "create",
        "delete",
    ),  # its own operations show a secret, and tell everybody
)


class NoSecret(Conflict):
    """A public client has no secret."""

    code = "OAUTH_CLIENT_PUBLIC"


class NewClient(BaseModel):
    """A program to be registered."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: Annotated[str, Field(min_length=1, max_length=255, examples=["Bookkeeping"])]
    kind: Annotated[ClientKind, Field(strict=False)] = ClientKind.confidential
    flows: Flows = ["authorization_code"]
    redirect_uris: RedirectUris = []
    scopes: Scopes


@dataclass(frozen=True, slots=True)
class ClientOperations:
    """Registers programs, and sees that they can do nothing more."""

    engine: Engine
    known: KnownClients
    ender: Ender
    clock: Clock

    @property
    def _api(self) -> ResourceApi:
        return self.engine.api("oauth_clients")

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Register a program; the answer alone shows its secret."""
        asked: NewClient = call.body
        _check(asked)
        check_held(ctx.actor, asked.scopes)
        client = OauthClient(
            name=asked.name,
            kind=asked.kind,
            flows=sorted(set(asked.flows)),
            redirect_uris=asked.redirect_uris,
            scopes=sorted(set(asked.scopes)),
            created_by=ctx.actor.id,
        )
        secret = None
        if asked.kind is ClientKind.confidential:
            made = self.known.new_secret(ctx.tenant.id, client.id)
            secret, client.secret_hash = made
        async with self.engine.work(ctx) as work:
            await work.add(client)
        location = f"{CLIENTS}/{client.id}"
        return self._shown(client, secret, status=201, location=location)

    async def rotate(self, ctx: Context, call: Call) -> Reply:
        """Give a program a new secret; the one before is good no more."""
        async with self.engine.work(ctx) as work:
            client = await work.lock(OauthClient, row_id(call))
            if client.kind is ClientKind.public:
                raise NoSecret
            secret, hashed = self.known.new_secret(ctx.tenant.id, client.id)
            moment = self.clock()
            await work.transaction.fetch(NEW_SECRET, client.id, hashed, moment)
            about = "oauth_client", client.id
            await note(work.transaction, ctx, "oauth_clients.rotate_secret", about)
        async with self.engine.work(ctx) as work:
            client = await work.get(OauthClient, client.id)
        return self._shown(client, secret)

    async def disable(self, ctx: Context, call: Call) -> Reply:
        """Let a program do nothing more; whatever it was given ends."""
        async with self.engine.work(ctx) as work:
            client = await work.lock(OauthClient, row_id(call))
            client.disabled_at = client.disabled_at or self.clock()
            people = await self.ender.end(work.transaction, client.id)
        self.ender.tell(client.id, people)
        return self._row(client)

    async def enable(self, ctx: Context, call: Call) -> Reply:
        """Let a program ask again; what it was given before stays ended."""
        async with self.engine.work(ctx) as work:
            client = await work.lock(OauthClient, row_id(call))
            client.disabled_at = None
        return self._row(client)

    def _row(self, client: OauthClient) -> Reply:
        writer = self._api.writer
        return Reply(writer.encode(values_of(client, writer)), etag=tag(client.version))

    def _shown(self, client: OauthClient, secret: str | None, **more: Any) -> Reply:
        """The client with its secret, which no other answer ever has."""
        row = msgspec.json.decode(self._row(client).data)
        body = msgspec.json.encode({**row, "client_secret": secret})
        return Reply(body, etag=tag(client.version), **more)

    def _shown_schema(self) -> Mapping[str, Any]:
        schema = dict(self._api.row_schema())
        secret = {"type": ["string", "null"], "readOnly": True, "examples": ["insx_…"]}
        schema["title"] = f"{self._api.title}Shown"
        schema["properties"] = {**schema["properties"], "client_secret": secret}
        schema["required"] = [*schema["required"], "client_secret"]
        return schema

    def operations(self) -> tuple[Operation, ...]:
        """All of them, declared."""
        shown: Any = {"answer": self._shown_schema, "step_up": True}
        row: Any = {"answer": lambda: self._api.row_schema(), "errors": (NotFound,)}
        one = f"{CLIENTS}/{{id}}"
        return (
            Operation(
                name="oauth_clients.create", method="POST", path=CLIENTS, status=201,
                run=self.create, permission="oauth_clients.create", body=NewClient,
                summary="Register a program; the answer alone shows its secret",
                errors=(Invalid, ScopeNotHeld), **shown,
            ),
            Operation(
                name="oauth_clients.rotate_secret", method="POST",
                path=f"{one}/rotate-secret", run=self.rotate,
                permission="oauth_clients.rotate_secret",
                summary="Give a program a new secret", errors=(NotFound, NoSecret),
                **shown,
            ),
            Operation(
                name="oauth_clients.disable", method="POST", path=f"{one}/disable",
                run=self.disable, permission="oauth_clients.disable",
                summary="Let a program do nothing more", **row,
            ),
            Operation(
                name="oauth_clients.enable", method="POST", path=f"{one}/enable",
                run=self.enable, permission="oauth_clients.enable",
                summary="Let a program ask again", **row,
            ),
        )  # fmt: skip


def _check(asked: NewClient) -> None:
    """A way of asking needs what it needs."""
    alone = "client_credentials" in asked.flows
    if alone and asked.kind is ClientKind.public:
        words = "A public client proves nothing: it cannot act by itself."
        raise Invalid(FieldError("flows", "invalid", words))
    if "authorization_code" in asked.flows and not asked.redirect_uris:
        words = "People have to be sent somewhere."
        raise Invalid(FieldError("redirect_uris", "required", words))
