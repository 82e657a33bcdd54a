"""Linked accounts over HTTP: on the host of the organisation where one is signed in."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply, summary_of
from insula.kernel.foundation.errors import NotFound
from insula.kernel.identity.one_time import TokenSpent
from insula.kernel.identity.operations import TokenPair, pair
from insula.kernel.identity.sessions import Origin
from insula.kernel.services.accounts.answers import PeopleAlone
from insula.kernel.services.linking.members import LinkedElsewhere
from insula.kernel.services.linking.switching import (
    LinkAsleep,
    LinkingForbidden,
    NotTheSame,
    Organisation,
    Switcher,
)

STRICT = ConfigDict(extra="forbid", strict=True)
REF = "#/components/schemas/{model}"
Run = Callable[[Context, Call], Awaitable[Reply]]


class LinkToken(BaseModel):
    """What the other organisation gave."""

    model_config = STRICT
    token: Annotated[str, Field(min_length=1, max_length=1000)]


class SwitchTo(BaseModel):
    """Where to go."""

    model_config = STRICT
    tenant_id: Annotated[UUID, Field(strict=False)]


class LinkOffer(BaseModel):
    """What to show at the other organisation, within ten minutes."""

    token: str


class SwitchToken(BaseModel):
    """What to redeem, once and within a minute, at that host."""

    host: str
    token: str


class LinkingOperations:
    """What a person does with their users in several organisations."""

    def __init__(self, switcher: Switcher) -> None:
        self._switcher = switcher

    async def offer(self, ctx: Context, _: Call) -> Reply:
        """Begin to link your account here with yours elsewhere."""
        token = await self._switcher.offer(ctx)
        return Reply(LinkOffer(token=token).model_dump_json().encode())

    async def accept(self, ctx: Context, call: Call) -> Reply:
        """Link your account here with the one that made the offer."""
        await self._switcher.accept(ctx, call.body.token)
        return await self.organisations(ctx, call)

    async def organisations(self, ctx: Context, _: Call) -> Reply:
        """Where you have accounts that are linked with this one."""
        found = await self._switcher.organisations(ctx)
        return Reply(msgspec.json.encode(found))

    async def switch(self, ctx: Context, call: Call) -> Reply:
        """Go to another of your organisations."""
        host, token = await self._switcher.switch(ctx, call.body.tenant_id)
        return Reply(SwitchToken(host=host, token=token).model_dump_json().encode())

    async def redeem(self, ctx: Context, call: Call) -> Reply:
        """Come in with what another of your organisations gave."""
        origin = Origin(ctx.request_id, ctx.client, call.user_agent)
        return pair(await self._switcher.redeem(ctx, call.body.token, origin))

    async def leave(self, ctx: Context, _: Call) -> Reply:
        """Unlink your account here from all others."""
        await self._switcher.leave(ctx)
        return Reply()

    def operations(self) -> tuple[Operation, ...]:
        """All of them, declared."""
        alone = (PeopleAlone, LinkingForbidden)
        return (
            _made(
                "link", "link", self.offer, step_up=True, limit="auth",
                answer=_schema(LinkOffer), errors=alone,
            ),
            _made(
                "link_accept", "link/accept", self.accept, step_up=True, limit="auth",
                body=LinkToken, answer=_many,
                errors=(*alone, TokenSpent, NotTheSame, LinkedElsewhere),
            ),
            _made(
                "organisations", "organisations", self.organisations, method="GET",
                writes=False, answer=_many, errors=alone,
            ),
            _made(
                "switch", "switch", self.switch, body=SwitchTo, limit="auth",
                answer=_schema(SwitchToken), errors=(*alone, NotFound, LinkAsleep),
            ),
            _made(
                "switch_redeem", "switch/redeem", self.redeem, body=LinkToken,
                audience=Audience.visitor, limit="login", answer=_schema(TokenPair),
                errors=(TokenSpent, LinkingForbidden),
            ),
            _made(
                "unlink", "unlink", self.leave, answer=lambda: {"type": "null"},
                errors=(PeopleAlone,),
            ),
        )  # fmt: skip


def _made(name: str, path: str, run: Run, **more: Any) -> Operation:
    return Operation(
        name=f"auth.{name}",
        path=f"/api/v1/auth/{path}",
        run=run,
        summary=summary_of(run),
        **{"method": "POST", **more},
    )


def _schema(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    return lambda: model.model_json_schema(mode="serialization", ref_template=REF)


def _many() -> Mapping[str, Any]:
    one = TypeAdapter(Organisation).json_schema(mode="serialization")
    return {"type": "array", "items": one}
