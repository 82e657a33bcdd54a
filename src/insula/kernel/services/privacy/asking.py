"""Asking: how requests about personal data come in."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import or_

from insula.kernel.access.actor import ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.database.personal import Registry
from insula.kernel.foundation.errors import Conflict, Denied, NotFound
from insula.kernel.foundation.words import Words
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext, values_of
from insula.kernel.services.privacy.holds import is_held
from insula.kernel.services.privacy.identifiers import SHORTEST
from insula.kernel.services.privacy.models import (
    DataRequest,
    RequestKind,
    RequestState,
)
from insula.kernel.services.privacy.notes import Notes
from insula.kernel.services.privacy.person import USERS, NoSubject, check_subject
from insula.kernel.services.privacy.requests import carry_out
from insula.kernel.services.privacy.showing import shown

R = RequestState
ROOT = "/api/v1/data-requests"
DUE = timedelta(days=30)
"""Until when a request must be answered (promise 21)."""
OPEN = (R.requested, R.held, R.approved, R.running)


class AlreadyRequested(Conflict):
    """There is an open request for this already."""

    code = "privacy.already_requested"


class NotForOthers(Denied):
    """This needs the permission data_requests.create: ask for your own data."""

    code = "FORBIDDEN"


Word = Annotated[str, Field(min_length=SHORTEST, max_length=255)]


class NewRequest(Command):
    """What to do with whose data; without a subject, with the caller's own."""

    kind: Annotated[RequestKind, Field(strict=False)]
    subject: Annotated[str, Field(max_length=64, examples=[USERS])] | None = None
    subject_id: Annotated[UUID, Field(strict=False)] | None = None
    reason: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    also: Annotated[tuple[Word, ...], Field(max_length=20, strict=False)] = ()
    """What else the person is known by: former names, numbers, addresses."""


class Asking:
    """Takes requests in, and shows them to those whom they concern."""

    def __init__(self, engine: Engine, registry: Registry, notes: Notes) -> None:
        self._engine, self._registry, self._notes = engine, registry, notes

    def operations(self) -> tuple[Operation, ...]:
        """What the resources do not offer by themselves."""
        row = self._engine.api("data_requests").row_schema
        return (
            Operation(
                name="data_requests.create", method="POST", path=ROOT,
                run=self.create, body=NewRequest, status=201, answer=row,
                summary="Ask for somebody's data, or for their erasure",
                errors=(AlreadyRequested, NoSubject, NotFound, NotForOthers),
            ),
            Operation(
                name="data_requests.mine", method="GET",
                path="/api/v1/auth/user/data-requests",
                run=self.mine, writes=False, answer=partial(_list_of, row),
                summary="List the requests that are about the caller",
            ),
        )  # fmt: skip

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Take a request in; one's own export begins at once (S4-20)."""
        body: NewRequest = call.body
        subject, subject_id = self._whom(ctx, body)
        async with self._engine.work(ctx) as work:
            await check_subject(work, self._registry, subject, subject_id)
            await self._check_open(work, body.kind, subject_id)
            request = await work.add(
                DataRequest(
                    kind=body.kind,
                    subject=subject,
                    subject_id=subject_id,
                    requested_by=ctx.actor.id,
                    reason=body.reason,
                    due_at=work.now + DUE,
                )
            )
            await self._begin(work, request, body)
        return shown(self._engine.api("data_requests"), request)

    async def mine(self, ctx: Context, _: Call) -> Reply:
        """The requests that the caller made, or is the subject of."""
        async with self._engine.work(ctx) as work:
            me = ctx.actor.id
            mine = or_(DataRequest.requested_by == me, DataRequest.subject_id == me)
            rows = await work.select(DataRequest, mine, limit=100)
        writer = self._engine.api("data_requests").writer
        encoded = [writer.encode(values_of(row, writer)) for row in rows]
        return Reply(b"[" + b",".join(encoded) + b"]")

    def _whom(self, ctx: Context, body: NewRequest) -> tuple[str, UUID]:
        own = ctx.actor.id if ctx.actor.kind == ActorKind.user else None
        subject_id = body.subject_id or own
        if subject_id is None:
            raise NoSubject(subject=Words("this actor"))
        if subject_id != own and not ctx.actor.may("data_requests.create"):
            raise NotForOthers
        return body.subject or USERS, subject_id

    async def _check_open(
        self, work: WorkContext, kind: RequestKind, subject_id: UUID
    ) -> None:
        same = DataRequest.kind == kind, DataRequest.subject_id == subject_id
        if await work.exists(DataRequest, *same, DataRequest.state.in_(OPEN)):
            raise AlreadyRequested

    async def _begin(
        self, work: WorkContext, request: DataRequest, body: NewRequest
    ) -> None:
        if request.kind is RequestKind.erasure:
            place = work.transaction, work.tenant.id, request.id
            await self._notes.begin(*place, body.also)
            if await is_held(work, request.subject_id):
                work.move(request, R.held)
        elif request.subject_id == work.actor.id:
            work.move(request, R.approved)
            await carry_out(work, request)


def _list_of(shown: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"type": "array", "items": shown()}
