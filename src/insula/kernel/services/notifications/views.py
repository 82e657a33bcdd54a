"""Views: notifications and preferences as the API tells and takes them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from insula.kernel.access.actor import ActorKind
from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import Denied
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.notification import Digest

REF = "#/components/schemas/{model}"


class UsersAlone(Denied):
    """Only users have notifications."""

    code = "USERS_ALONE"


class NotificationView(BaseModel):
    """A notification as its user sees it."""

    id: UUID
    kind: str
    title: str
    body: str
    link: str | None
    event_id: UUID | None
    read_at: datetime | None
    created_at: datetime


class NotificationItem(NotificationView):
    """A notification in a list."""


class ReadUntil(Command):
    """The last notification that was seen; without it, all of them are read."""

    until: Annotated[UUID | None, Field(strict=False)] = None


class ReadCount(BaseModel):
    """How many notifications were read by this."""

    read: int


class WishView(Command):
    """How a user is told of a kind, or of all kinds that its ``pattern`` covers."""

    pattern: Annotated[str, Field(max_length=64, examples=["*"])]
    in_app: bool = True
    mail: bool = False
    digest: Annotated[Digest, Field(strict=False)] = Digest.none


class Wishes(Command):
    """All preferences of a user, in place of those that there were."""

    preferences: Annotated[list[WishView], Field(max_length=200, examples=[[]])]


class KindView(BaseModel):
    """A kind of notification, and how it usually comes."""

    name: str
    title: str
    in_app: bool
    mail: bool
    digest: Digest


class Preferences(BaseModel):
    """What there is to be told, and how the user wants it."""

    kinds: list[KindView]
    preferences: list[WishView]


def schema_of(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    """What makes the schema of an answer when it is asked for."""
    return lambda: model.model_json_schema(mode="serialization", ref_template=REF)


def own_id(ctx: Context) -> UUID:
    """The user who asks; nobody else has notifications."""
    if ctx.actor.kind is not ActorKind.user or ctx.actor.id is None:
        raise UsersAlone
    return ctx.actor.id
