"""Avatars: a picture of somebody, drawn anew, so that nothing of their file is kept."""

import io
from collections.abc import AsyncIterator
from uuid import UUID

from pydantic import BaseModel

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.identity.models import User
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.accounts.answers import own_id_in_person
from insula.kernel.services.accounts.statements import REMOVE_AVATARS
from insula.kernel.services.audit.noting import note
from insula.kernel.services.files.service import Files, NewFile
from insula.kernel.storage.images import NoImage, make_variants
from insula.kernel.storage.sniffing import sniff

LARGEST = 5 * 2**20
"""Bytes of a picture that is sent."""
COPY = "small"
"""The copy that is kept of it, and no more."""
CALLED = "avatar"


class NotAPicture(Invalid):
    """This cannot be read as a PNG, JPEG, GIF or WebP image."""

    code = "NOT_AN_IMAGE"


class AvatarView(BaseModel):
    """Where the picture is."""

    avatar: str | None


class Avatars:
    """Takes the caller's picture in, and away."""

    def __init__(self, engine: Engine, files: Files) -> None:
        self._engine, self._files = engine, files

    async def upload(self, ctx: Context, call: Call) -> Reply:
        """Keep a copy of the picture; the file itself, and all it says, is let go."""
        user_id = own_id_in_person(ctx)
        content = await _drawn_anew(b"".join([it async for it in call.chunks]))
        arrival = await self._files.receive(ctx, _once(content), expected=len(content))
        new = NewFile(CALLED, "user", user_id)
        async with self._engine.work(ctx) as work:
            file = await self._files.record(work, arrival, new)
            user = await work.lock(User, user_id)
            user.avatar = f"/api/v1/files/{file.id}/content?variant={COPY}"
            await work.flush()
            await _clear(work, user_id, file.id)
        return _told(user)

    async def remove(self, ctx: Context, _: Call) -> Reply:
        """Show no picture any more."""
        user_id = own_id_in_person(ctx)
        async with self._engine.work(ctx) as work:
            user = await work.lock(User, user_id)
            user.avatar = None
            await _clear(work, user_id, None)
        return _told(user)


async def _clear(work: WorkContext, user_id: UUID, but: UUID | None) -> None:
    """Put the pictures of somebody in the trash."""
    transaction = work.transaction
    for row in await transaction.fetch(REMOVE_AVATARS, user_id, now(), but):
        await note(transaction, work, "files.delete", ("file", row["id"]))


async def _drawn_anew(content: bytes) -> bytes:
    try:
        copies = await make_variants(sniff(content), io.BytesIO(content))
    except NoImage:
        copies = {}
    if COPY not in copies:
        raise NotAPicture(FieldError("body", "not_an_image", "It is no image."))
    return copies[COPY]


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _told(user: User) -> Reply:
    return Reply(AvatarView(avatar=user.avatar).model_dump_json().encode())
