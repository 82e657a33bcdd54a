"""Legal holds: what forbids to erase somebody, or anybody, for the time being."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.database.personal import Registry
from insula.kernel.database.session import HOME, Statement
from insula.kernel.foundation.errors import NotFound
from insula.kernel.resource.declaration import Command, Resource
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.privacy.models import LegalHold
from insula.kernel.services.privacy.person import USERS, NoSubject, check_subject
from insula.kernel.services.privacy.showing import shown

legal_holds = Resource(
    LegalHold,
    kernel=True,
    filters=(LegalHold.subject_id,),
    sort=(LegalHold.created_at,),
    without=("create",),  # its own operation keeps who set it
)

HOLDS = Statement(
    f"SELECT 1 FROM {HOME}.legal_holds"  # noqa: S608  # our names
    " WHERE tenant_id = $1::text::uuid AND deleted_at IS NULL"
    " AND (subject_id IS NULL OR subject_id = $2)"
    " AND (until IS NULL OR until > $3::timestamptz) LIMIT 1"
)


async def is_held(ctx: WorkContext, subject_id: UUID) -> bool:
    """Whether a legal hold covers a person."""
    return bool(await ctx.transaction.fetch(HOLDS, subject_id, ctx.now))


class NewHold(Command):
    """Who must not be erased (without a subject: nobody), why, and until when."""

    subject: Annotated[str, Field(max_length=64, examples=[USERS])] | None = None
    subject_id: Annotated[UUID, Field(strict=False)] | None = None
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    until: AwareDatetime | None = None


class Holding:
    """Sets legal holds; to end one is to delete it."""

    def __init__(self, engine: Engine, registry: Registry) -> None:
        self._engine, self._registry = engine, registry

    def operation(self) -> Operation:
        """How a hold is set."""
        return Operation(
            name="legal_holds.create",
            method="POST",
            path="/api/v1/legal-holds",
            run=self.create,
            summary="Forbid to erase a person, or anybody",
            permission="legal_holds.create",
            body=NewHold,
            status=201,
            answer=self._engine.api("legal_holds").row_schema,
            errors=(NoSubject, NotFound),
        )

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Set a legal hold."""
        body: NewHold = call.body
        subject = None
        async with self._engine.work(ctx) as work:
            if body.subject_id is not None:
                subject = body.subject or USERS
                await check_subject(work, self._registry, subject, body.subject_id)
            hold = await work.add(
                LegalHold(
                    subject=subject,
                    subject_id=body.subject_id,
                    reason=body.reason,
                    until=body.until,
                    set_by=ctx.actor.id,
                )
            )
        return shown(self._engine.api("legal_holds"), hold)
