"""Downloading: the operations that hand files out, to actors and by links."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.errors import FieldError, Invalid, NotFound
from insula.kernel.resource.api import row_id
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import hydrate
from insula.kernel.services.audit.noting import note
from insula.kernel.services.files.contents import FileQuarantined, hand_out
from insula.kernel.services.files.models import File, FileState
from insula.kernel.services.files.service import Files
from insula.kernel.storage.links import LONGEST, Link
from insula.kernel.storage.places import Folder
from insula.kernel.tenancy.models import State

WEEK = int(LONGEST.total_seconds())
LINKED = "/storage"
"""Where links lead (S1-46)."""


class LinkOrder(Command):
    """How long a link is to open a file, which copy of it, and how it is shown."""

    expires_in: Annotated[int, Field(ge=1, le=WEEK)] = 3600
    variant: Literal["thumb", "small", "large"] | None = None
    disposition: Literal["attachment", "inline"] = "attachment"


class LinkView(BaseModel):
    """A link: whoever has it can have the file until it expires or is revoked."""

    url: str
    token: str
    expires_at: datetime


class Downloading:
    """Hands out content, always through us.

    A bucket could sign addresses of its own, but nobody could revoke those, no trail
    would show who used them, and its host would decide how a browser shows the file.
    """

    def __init__(self, files: Files, engine: Engine) -> None:
        self._files, self._engine = files, engine

    async def read(self, ctx: Context, call: Call) -> Reply:
        """The content of a file, for an actor of the tenant."""
        file = await self._attachment(ctx, row_id(call))
        disk, variant = self._files.disk(ctx.tenant.id), call.query.get("variant", "")
        return hand_out(disk, file, variant, call.headers, shown="inline")

    async def link(self, ctx: Context, call: Call) -> Reply:
        """A new link to a file."""
        order: LinkOrder = call.body
        file = await self._attachment(ctx, row_id(call))
        if file.state is not FileState.ready:
            raise FileQuarantined
        if order.variant is not None and order.variant not in file.variants:
            raise Invalid(FieldError("variant", "unknown", "It has no such copy."))
        lasting = timedelta(seconds=order.expires_in)
        link = Link(
            tenant_id=ctx.tenant.id,
            file_id=file.id,
            edition=file.edition,
            variant=order.variant or "",
            inline=order.disposition == "inline",
            expires_at=(self._files.clock() + lasting).replace(microsecond=0),
        )
        said = order.model_dump(mode="json", exclude_none=True)
        await note(ctx.session, ctx, "files.links", ("file", file.id), said)
        token = self._files.links.token(link)
        url = f"{LINKED}/{file.id}?token={token}"
        view = LinkView(url=url, token=token, expires_at=link.expires_at)
        return Reply(view.model_dump_json().encode())

    async def follow(self, ctx: Context, call: Call) -> Reply:
        """The content behind a link, for whoever has it.

        Every reason for which it does not open answers alike.
        """
        file_id, moment = row_id(call), self._files.clock()
        token, tenant_id = call.query.get("token", ""), ctx.tenant.id
        link = self._files.links.read(tenant_id, file_id, token, moment)
        if link is None:
            raise NotFound
        file = await self._find(ctx, file_id)
        if file.edition != link.edition or file.state is not FileState.ready:
            raise NotFound
        if not link.variant and ctx.tenant.state is State.active:  # else not written to
            said = {"until": link.expires_at}
            await note(ctx.session, ctx, "files.shared", ("file", file_id), said)
        shown = "inline" if link.inline else "attachment"
        disk = self._files.disk(tenant_id)
        return hand_out(disk, file, link.variant, call.headers, shown=shown)

    async def _attachment(self, ctx: Context, file_id: UUID) -> File:
        """A file that whoever may read files may read.

        What a service made for somebody, such as a person's own data, is not: the
        service makes a link for whom it was made for.
        """
        file = await self._find(ctx, file_id)
        if file.folder is not Folder.attachments:
            raise NotFound
        return file

    async def _find(self, ctx: Context, file_id: UUID) -> File:
        writer = self._engine.api("files").writer
        rows = await ctx.session.fetch(writer.get, file_id)
        if not rows:
            raise NotFound
        file = hydrate(File, writer, rows[0])
        if file.expires_at is not None and file.expires_at <= self._files.clock():
            raise NotFound
        return file
