"""Fetching: how a dossier reaches the person whom it is about."""

from datetime import datetime, timedelta
from functools import partial

from pydantic import BaseModel

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.errors import Conflict, NotFound
from insula.kernel.resource.api import row_id
from insula.kernel.resource.engine import SCHEMA, Engine
from insula.kernel.services.files.downloading import LINKED
from insula.kernel.services.files.models import File
from insula.kernel.services.files.service import Files
from insula.kernel.services.privacy.models import DataRequest
from insula.kernel.storage.links import Link

LASTING = timedelta(hours=1)


class NotReady(Conflict):
    """There is nothing to fetch: the export is not done, or its time is over."""

    code = "privacy.not_ready"


class FetchLink(BaseModel):
    """Where an export can be fetched, for an hour."""

    url: str
    expires_at: datetime


class Fetching:
    """Makes links to exports, for those who asked for them and whom they are about.

    Nobody else can have one, whatever their role: they would see a person's data.
    """

    def __init__(self, engine: Engine, files: Files) -> None:
        self._engine, self._files = engine, files

    def operation(self) -> Operation:
        """How a link is made."""
        return Operation(
            name="data_requests.link",
            method="POST",
            path="/api/v1/data-requests/{id}/link",
            run=self.link,
            summary="Make a link with which an export can be fetched",
            answer=partial(
                FetchLink.model_json_schema, mode="serialization", ref_template=SCHEMA
            ),
            errors=(NotFound, NotReady),
        )

    async def link(self, ctx: Context, call: Call) -> Reply:
        """A link to an export."""
        async with self._engine.work(ctx) as work:
            request = await work.get(DataRequest, row_id(call))
            if ctx.actor.id not in (request.requested_by, request.subject_id):
                raise NotFound
            over = request.expires_at is None or request.expires_at <= work.now
            if request.file_id is None or over:
                raise NotReady
            link = self._to(ctx, await work.get(File, request.file_id))
        url = f"{LINKED}/{link.file_id}?token={self._files.links.token(link)}"
        made = FetchLink(url=url, expires_at=link.expires_at)
        return Reply(made.model_dump_json().encode())

    def _to(self, ctx: Context, file: File) -> Link:
        return Link(
            tenant_id=ctx.tenant.id,
            file_id=file.id,
            edition=file.edition,
            variant="",
            inline=False,
            expires_at=(self._files.clock() + LASTING).replace(microsecond=0),
        )
