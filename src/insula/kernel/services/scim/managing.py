"""Managing: who lets a directory in, and out again."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply, summary_of
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import FieldError, Invalid, NotFound
from insula.kernel.identity.authenticate import topic_of
from insula.kernel.identity.opaque import OpaqueTokens
from insula.kernel.resource.api import ResourceApi, row_id, tag
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import values_of
from insula.kernel.services.access.granting import NotYoursToGive, check_roles
from insula.kernel.services.scim.models import ScimToken

PATH = "/api/v1/scim-tokens"
MANAGE = "identity_providers.manage"


class NewToken(BaseModel):
    """A directory to be let in."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: Annotated[str, Field(min_length=1, max_length=255, examples=["Entra ID"])]
    roles: Annotated[
        list[str],
        Field(
            max_length=50,
            description="Roles that it may give by teams, and whose holders it may"
            " change. Nobody can name one here that they do not have.",
        ),
    ] = ["member"]  # Pydantic copies it
    expires_at: Annotated[
        AwareDatetime | None,
        Field(description="When it stops to work; null is never."),
    ] = None


@dataclass(frozen=True, slots=True)
class Managing:
    """Makes and revokes tokens; ``announce`` has every process forget one."""

    engine: Engine
    tokens: OpaqueTokens
    announce: Callable[[str], None]

    @property
    def _api(self) -> ResourceApi:
        return self.engine.api("scim_tokens")

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Make a token for a directory; the answer alone shows its text."""
        asked: NewToken = call.body
        if asked.expires_at is not None and asked.expires_at <= now():
            raise Invalid(FieldError("expires_at", "past", "It must be in the future."))
        await check_roles(ctx.session, self.engine.roles, ctx.actor, asked.roles)
        token = ScimToken(
            name=asked.name,
            roles=sorted(set(asked.roles)),
            expires_at=asked.expires_at,
            made_by=ctx.actor.id,
            hash="",
        )
        text = self.tokens.make(ctx.tenant.id, token.id)
        token.hash = self.tokens.hash(text)
        async with self.engine.work(ctx) as work:
            await work.add(token)
        row = msgspec.json.decode(
            self._api.writer.encode(values_of(token, self._api.writer))
        )
        body = msgspec.json.encode({**row, "token": text})
        location = f"{PATH}/{token.id}"
        return Reply(body, status=201, etag=tag(token.version), location=location)

    async def revoke(self, ctx: Context, call: Call) -> Reply:
        """See that a token works no more."""
        async with self.engine.work(ctx) as work:
            token = await work.lock(ScimToken, row_id(call))
            if token.revoked_at is None:
                token.revoked_at = now()
        # Only now, after the commit, can nobody load it again as it was.
        self.announce(topic_of(token.id))
        writer = self._api.writer
        return Reply(writer.encode(values_of(token, writer)), etag=tag(token.version))

    def operations(self) -> tuple[Operation, ...]:
        """Both, for those who lately proved who they are."""
        return (
            _made("scim_tokens.create", PATH, self.create, body=NewToken, status=201,
                  answer=self._shown_schema, errors=(Invalid, NotYoursToGive)),
            _made("scim_tokens.revoke", f"{PATH}/{{id}}/revoke", self.revoke,
                  answer=self._api.row_schema, errors=(NotFound,)),
        )  # fmt: skip

    def _shown_schema(self) -> Mapping[str, Any]:
        schema = dict(self._api.row_schema())
        token = {"type": "string", "readOnly": True, "examples": ["insc_…"]}
        schema["title"] = f"{self._api.title}Shown"
        schema["properties"] = {**schema["properties"], "token": token}
        schema["required"] = [*schema["required"], "token"]
        return schema


def _made(
    name: str, path: str, run: Callable[[Context, Call], Awaitable[Reply]], **more: Any
) -> Operation:
    return Operation(
        name=name,
        method="POST",
        path=path,
        run=run,
        summary=summary_of(run),
        permission=MANAGE,
        step_up=True,
        **more,
    )
