"""Requests about personal data: who may decide on them, and when they must wait."""

from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.database.session import HOME, Statement
from insula.kernel.foundation.errors import Conflict, Denied
from insula.kernel.jobs.request import NewJob, insert_jobs
from insula.kernel.resource.declaration import Command, Resource
from insula.kernel.resource.machines import WrongMove
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.privacy.holds import is_held
from insula.kernel.services.privacy.models import (
    DataRequest,
    RequestKind,
    RequestState,
)
from insula.kernel.services.privacy.person import USERS

ERASE, EXPORT = "privacy.erase", "privacy.export"
OPEN = (RequestState.approved, RequestState.running)
"""States in which there is work to do."""
TASKS = {RequestKind.erasure: ERASE, RequestKind.export: EXPORT}

data_requests = Resource(
    DataRequest,
    kernel=True,
    filters=(DataRequest.state, DataRequest.kind, DataRequest.subject_id),
    sort=(DataRequest.created_at,),
    without=("create", "update", "delete"),
)

# S4-22: owners and admins decide.
OTHERS = Statement(
    f"SELECT 1 FROM {HOME}.users"  # noqa: S608  # our names
    " WHERE tenant_id = $1::text::uuid AND deleted_at IS NULL AND disabled_at IS NULL"
    " AND id <> ALL($2::uuid[]) AND roles ?| $3::text[] LIMIT 1"
)


class OnHold(Conflict):
    """A legal hold forbids to erase this person at present."""

    code = "privacy.on_hold"


class NeedsAnotherApprover(Denied):
    """Nobody decides alone on an erasure of their own asking: ask another admin."""

    code = "privacy.needs_another_approver"


class LastOwner(Conflict):
    """This is the last owner: make somebody else an owner first."""

    code = "privacy.last_owner"


class CarryOut(Command):
    """Do what a request asks for."""

    request_id: UUID


async def carry_out(ctx: WorkContext, request: DataRequest) -> None:
    """Have the work of an approved request begin when this commits."""
    command = {"request_id": str(request.id)}
    key = f"{TASKS[request.kind]}:{request.id}"
    job = NewJob(TASKS[request.kind], command, unique_key=key)
    await insert_jobs(ctx.transaction, [job])


@data_requests.action(
    "approve", raises=(WrongMove, OnHold, NeedsAnotherApprover, LastOwner)
)
async def approve(ctx: WorkContext, request: DataRequest) -> DataRequest:
    """Allow what a request asks for; it is done in the background."""
    if request.kind is RequestKind.erasure:
        await _check_erasure(ctx, request)
    ctx.move(request, RequestState.approved)
    request.decided_by, request.decided_at = ctx.actor.id, ctx.now
    await carry_out(ctx, request)
    return request


@data_requests.action("refuse", raises=(WrongMove,))
async def refuse(ctx: WorkContext, request: DataRequest) -> DataRequest:
    """Refuse what a request asks for."""
    ctx.move(request, RequestState.refused)
    request.decided_by, request.decided_at = ctx.actor.id, ctx.now
    await ctx.transaction.fetch(FORGET, request.id)
    return request


# What was noted of the person for an erasure that will not be.
FORGET = Statement(
    f"DELETE FROM {HOME}.erasure_notes"  # noqa: S608  # our names
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)


async def _check_erasure(ctx: WorkContext, request: DataRequest) -> None:
    if await is_held(ctx, request.subject_id):
        raise OnHold
    if await _is_last_owner(ctx, request):
        raise LastOwner
    concerned = [it for it in (request.requested_by, request.subject_id) if it]
    if _acts_for_self(ctx.actor, concerned) and await _others(ctx, concerned, "admin"):
        raise NeedsAnotherApprover


def _acts_for_self(actor: Actor, concerned: list[UUID]) -> bool:
    return actor.kind == ActorKind.user and actor.id in concerned


async def _is_last_owner(ctx: WorkContext, request: DataRequest) -> bool:
    if request.subject != USERS:
        return False
    mine = Statement(
        f"SELECT 1 FROM {HOME}.users WHERE tenant_id = $1::text::uuid AND id = $2"  # noqa: S608  # our names
        " AND roles ? 'owner'"
    )
    owns = await ctx.transaction.fetch(mine, request.subject_id)
    return bool(owns) and not await _others(ctx, [request.subject_id])


async def _others(ctx: WorkContext, but: list[UUID], *roles: str) -> bool:
    """Whether there are other owners, or people with one of the other roles."""
    wanted = ["owner", *roles]
    return bool(await ctx.transaction.fetch(OTHERS, but, wanted))
