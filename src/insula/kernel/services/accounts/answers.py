"""Answers: how the operations of accounts tell what they did."""

from collections.abc import Callable, Mapping
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from insula.kernel.access.actor import ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Reply
from insula.kernel.foundation.errors import Denied
from insula.kernel.resource.api import ResourceApi, tag
from insula.kernel.resource.engine import SCHEMA
from insula.kernel.resource.unit import values_of


class PasswordsOff(Denied):
    """Nobody signs in with a password here."""

    code = "PASSWORDS_OFF"


class PeopleAlone(Denied):
    """Only a user who signed in can do this."""

    code = "USERS_ALONE"


class Sent(BaseModel):
    """A mail is under way, if there is anybody to get it."""

    status: Literal["sent_if_known"] = "sent_if_known"


class Done(BaseModel):
    """It is done."""

    status: Literal["done"] = "done"


class KeptWays(BaseModel):
    """How many ways into an account another password leaves open."""

    tokens: int
    passkeys: int
    providers: int


class PasswordSet(Done):
    """The password is another one, and what that ended and what not."""

    sessions_ended: int
    still_open: KeptWays


def sent() -> Reply:
    """The same answer, whether there is such an account or not."""
    words = "If the address can be used, a mail to it is under way."
    return Reply(Sent().model_dump_json().encode(), status=202, message=words)


def done() -> Reply:
    """That it is done."""
    return Reply(Done().model_dump_json().encode())


def row_reply(ctx: Context, api: ResourceApi, row: Any, status: int = 200) -> Reply:
    """A row as its resource shows it to the caller."""
    lens = api.writer.lens(ctx.actor)
    return Reply(
        lens.encode(values_of(row, api.writer)),
        status=status,
        etag=tag(row.version),
        location=f"{api.resource.address}/{row.id}" if status == 201 else None,
    )


def schema_of(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    """What makes the schema of an answer when it is asked for."""
    return lambda: model.model_json_schema(mode="serialization", ref_template=SCHEMA)


def own_id(ctx: Context) -> UUID:
    """The user who asks, or on whose behalf somebody does."""
    if ctx.actor.kind != ActorKind.user or ctx.actor.id is None:
        raise PeopleAlone
    return ctx.actor.id


def own_id_in_person(ctx: Context) -> UUID:
    """The user who asks themselves: no key, no client, no support acts here."""
    if ctx.actor.via is not None:
        raise PeopleAlone
    return own_id(ctx)


def require_passwords(ctx: Context) -> None:
    """Refuse what is about passwords where nobody signs in with one."""
    if "password" not in ctx.tenant.policy.methods:
        raise PasswordsOff


def known_of(ctx: Context, *texts: str) -> tuple[str, ...]:
    """What anybody would try as a password of somebody: these, and the tenant's names."""
    return (*texts, ctx.tenant.slug, ctx.tenant.name)
