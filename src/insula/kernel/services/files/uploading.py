"""Uploading: the operation that takes a file from a caller."""

from collections.abc import Mapping
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import values_of
from insula.kernel.services.files.names import clean_name
from insula.kernel.services.files.quota import StorageFull
from insula.kernel.services.files.service import Files, NewFile

NAMELESS = "file"


class UnknownSubject(Invalid):
    """There is no such row to attach a file to."""


class UnknownParameter(Invalid):
    """The query has parameters that an upload does not know."""


class Uploading:
    """Takes the body as it comes; name and subject are in the query."""

    PARAMETERS = frozenset({"name", "subject_type", "subject_id"})

    def __init__(self, files: Files, engine: Engine) -> None:
        self._files, self._engine = files, engine

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Make a file of the body; its row is written when the content is in place."""
        new = await self._new(ctx, call.query)
        length = call.headers.get(b"content-length", b"0")
        arrival = await self._files.receive(ctx, call.chunks, expected=int(length))
        try:
            async with self._engine.work(ctx) as work:
                file = await self._files.record(work, arrival, new)
        except StorageFull:
            # Only here is it certain that nothing was committed; whatever else goes
            # wrong leaves the content to the nightly sweep, which looks for the row.
            await self._files.discard(ctx, arrival)
            raise
        writer = self._engine.api("files").writer
        return Reply(
            writer.encode(values_of(file, writer)),
            status=201,
            etag='"1"',
            location=f"{call.path}/{file.id}",
        )

    async def _new(self, ctx: Context, query: Mapping[str, str]) -> NewFile:
        if unknown := set(query) - self.PARAMETERS:
            raise UnknownParameter(
                *(FieldError(name, "unknown", "It is not known.") for name in unknown)
            )
        kind, row_id = await self._subject(ctx, query)
        return NewFile(clean_name(query.get("name", NAMELESS)), kind, row_id)

    async def _subject(
        self, ctx: Context, query: Mapping[str, str]
    ) -> tuple[str | None, UUID | None]:
        """The row to attach to; one that the actor may not see is not there."""
        kind, text = query.get("subject_type"), query.get("subject_id")
        if kind is None and text is None:
            return None, None
        row_id = parse_uuid(text or "")
        if row_id is None or not await self._exists(ctx, kind or "", row_id):
            raise UnknownSubject(
                FieldError("subject_id", "unknown", "There is no such row.")
            )
        return kind, row_id

    async def _exists(self, ctx: Context, kind: str, row_id: UUID) -> bool:
        api = next((it for it in self._engine.apis if it.resource.type == kind), None)
        if api is None or not ctx.actor.may(f"{api.resource.name}.read"):
            return False
        app = api.resource.app
        if app and ctx.tenant.apps.get(app) != "active":
            return False
        return bool(await ctx.session.fetch(api.writer.get, row_id))
