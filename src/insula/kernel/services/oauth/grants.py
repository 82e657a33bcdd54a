"""Grants: what somebody lets programs do, as they see and withdraw it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from insula.kernel.access.actor import ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.errors import Denied, NotFound
from insula.kernel.services.audit.noting import note
from insula.kernel.services.oauth.ending import Ender
from insula.kernel.services.oauth.known import names_of
from insula.kernel.services.oauth.statements import (
    KNOWN_CLIENT,
    OWN_GRANTS,
    WITHDRAW,
)

PATH = "/api/v1/auth/grants"
REF = "#/components/schemas/{model}"


class GrantsArePersonal(Denied):
    """Users alone let programs act for them."""

    code = "USERS_ALONE"


class Withdrawal(BaseModel):
    """Which program is to act for me no more."""

    model_config = ConfigDict(extra="forbid", strict=True)
    client_id: Annotated[UUID, Field(strict=False)]


class Grant(BaseModel):
    """What I let a program do."""

    client_id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    updated_at: datetime


class Withdrawn(BaseModel):
    """How many of its sessions have ended."""

    ended: int


@dataclass(frozen=True, slots=True)
class GrantOperations:
    """Reading and withdrawing one's own."""

    ender: Ender
    clock: Clock

    async def list_own(self, ctx: Context, _: Call) -> Reply:
        """The programs that may act for me."""
        rows = await ctx.session.fetch(OWN_GRANTS, _user(ctx))
        found = [
            Grant(**{**dict(row), "scopes": sorted(names_of(row["scopes"]))})
            for row in rows
        ]
        return Reply(msgspec.json.encode([it.model_dump(mode="json") for it in found]))

    async def withdraw(self, ctx: Context, call: Call) -> Reply:
        """Let a program act for me no more; whatever it has of me ends."""
        user, client = _user(ctx), call.body.client_id
        async with ctx.session.transaction() as transaction:
            if not await transaction.fetch(KNOWN_CLIENT, client):
                raise NotFound
            given = await transaction.fetch(WITHDRAW, user, client, self.clock())
            ended = await self.ender.end(transaction, client, user)
            if given or ended:
                row = "oauth_client", client
                await note(transaction, ctx, "oauth_grants.withdraw", row)
        self.ender.tell(client, ended)
        return Reply(Withdrawn(ended=len(ended)).model_dump_json().encode())

    def operations(self) -> tuple[Operation, ...]:
        """Both of them, declared."""
        return (
            Operation(
                name="oauth_grants.own", method="GET", path=PATH, run=self.list_own,
                summary="The programs that may act for me", writes=False,
                answer=_items, errors=(GrantsArePersonal,),
            ),
            Operation(
                name="oauth_grants.withdraw", method="POST", path=f"{PATH}/withdraw",
                run=self.withdraw, summary="Let a program act for me no more",
                body=Withdrawal, errors=(NotFound, GrantsArePersonal),
                answer=lambda: Withdrawn.model_json_schema(ref_template=REF),
            ),
        )  # fmt: skip


def _user(ctx: Context) -> UUID:
    """Who asks, themselves: no program withdraws what another was given."""
    actor = ctx.actor
    if actor.kind is not ActorKind.user or actor.id is None or actor.via is not None:
        raise GrantsArePersonal
    return actor.id


def _items() -> Mapping[str, Any]:
    return {"type": "array", "items": Grant.model_json_schema(ref_template=REF)}
