"""The support desk: asking for access, deciding about it, coming in, and going.

What happens is kept twice: in the control database, and in the tenant's own log. The
tenant's part commits first, so that nobody is inside of whom the tenant was not told.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import Denied
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.audit.noting import note
from insula.kernel.services.support.access import Accesses, AccessView, Held, Wish
from insula.kernel.services.support.models import Kind, Progress, Scope
from insula.kernel.services.support.passes import VIA, Passes
from insula.kernel.services.support.telling import tell

LONGEST_PASS = timedelta(hours=1)
"""For how long a pass is good at most; then the operator comes in anew."""
ABOUT = "support_accesses"

Inside = Callable[[UUID], Awaitable[Context]]
"""The context in which the platform itself acts for a tenant."""


class OwnRequest(Denied):
    """Somebody else has to approve what you asked for yourself."""

    code = "SUPPORT_OWN_REQUEST"


class NotYours(Denied):
    """This access is another operator's."""

    code = "SUPPORT_ACCESS_NOT_YOURS"


class StaffOnly(Denied):
    """Only the organisation's own people decide about this."""

    code = "SUPPORT_STAFF_ONLY"


@dataclass(frozen=True, slots=True)
class Entered:
    """With what an operator is inside, where, and until when."""

    host: str
    access_token: str = field(repr=False)
    expires_at: datetime


class Desk:
    """Both sides of support; ``engine`` is asked for once all apps are known."""

    def __init__(
        self,
        accesses: Accesses,
        passes: Passes,
        engine: Callable[[], Engine],
        inside: Inside,
    ) -> None:
        self.accesses, self.passes = accesses, passes
        self._engine, self._inside = engine, inside

    async def page(
        self, tenant_id: UUID | None, after: UUID | None, limit: int
    ) -> Sequence[AccessView]:
        """Some accesses, the newest first."""
        return await self.accesses.page(tenant_id, after, limit)

    async def ask(self, ctx: Context, wish: Wish) -> AccessView:
        """Ask a tenant for access, or break the glass."""
        async with self.accesses.ask(wish) as held:
            await held.note("request", wish.admin_id, **_said(held.view))
            await self._tell_tenant(ctx, held.view, "request", loud=True)
        return await self.accesses.find(held.view.id, None)

    async def second(self, ctx: Context, access_id: UUID) -> AccessView:
        """Approve as a second operator that a colleague breaks the glass."""
        async with self.accesses.hold(access_id, None) as held:
            held.needs(Progress.requested)
            if held.view.kind is not Kind.break_glass:
                raise StaffOnly
            if held.view.operator_id == ctx.actor.id:
                raise OwnRequest
            await held.decide(Progress.approved, ctx.actor.id)
            await held.note("approve", ctx.actor.id)
            view = replace(held.view, state=Progress.approved)
            await self._tell_tenant(ctx, view, "approve", loud=True)
        return await self.accesses.find(access_id, None)

    async def approve(
        self, ctx: Context, access_id: UUID, scope: Scope | None
    ) -> AccessView:
        """Let the operator in whom the tenant was asked about, for no more than asked."""
        async with self._theirs(ctx, access_id) as held:
            held.needs(Progress.requested)
            if held.view.kind is not Kind.consent:
                raise StaffOnly
            less = Scope.read if scope is Scope.read else held.view.scope
            await held.decide(Progress.approved, ctx.actor.id, less)
            await self._decided(ctx, held, "approve")
        return await self.accesses.find(access_id, ctx.tenant.id)

    async def reject(self, ctx: Context, access_id: UUID) -> AccessView:
        """Let nobody in."""
        async with self._theirs(ctx, access_id) as held:
            held.needs(Progress.requested)
            await held.decide(Progress.rejected, ctx.actor.id)
            await self._decided(ctx, held, "reject")
        return await self.accesses.find(access_id, ctx.tenant.id)

    async def revoke(self, ctx: Context, access_id: UUID) -> AccessView:
        """Have the operator leave at once, whoever's leave they came by."""
        async with self._theirs(ctx, access_id) as held:
            held.needs(Progress.approved, Progress.active)
            await held.end(ctx.actor.id)
            await self._decided(ctx, held, "revoke")
        return await self.accesses.find(access_id, ctx.tenant.id)

    async def enter(self, ctx: Context, access_id: UUID) -> Entered:
        """Come in with a pass of one's own."""
        async with self.accesses.hold(access_id, None) as held:
            view = held.view
            if view.operator_id != ctx.actor.id or ctx.actor.session is None:
                raise NotYours
            held.needs(Progress.approved, Progress.active)
            inside = await self._inside(view.tenant_id)
            pass_id, until = uuid7(), self.accesses.clock() + LONGEST_PASS
            until = until if view.expires_at is None else min(until, view.expires_at)
            token = self.passes.tokens.make(view.tenant_id, pass_id)
            hashed = self.passes.tokens.hash(token)
            await held.admit(pass_id, ctx.actor.session, hashed, until)
            await held.note("enter", ctx.actor.id)
            await self._tell_tenant(ctx, view, "enter")
        return Entered(inside.tenant.domain, token, until)

    async def leave(self, ctx: Context, access_id: UUID) -> AccessView:
        """End one's own access, or with the right to manage support anybody's."""
        async with self.accesses.hold(access_id, None) as held:
            mine = held.view.operator_id == ctx.actor.id
            if not mine and not ctx.actor.may("support.manage"):
                raise NotYours
            held.needs(Progress.requested, Progress.approved, Progress.active)
            await held.end(ctx.actor.id)
            await held.note("end", ctx.actor.id)
            await self._tell_tenant(ctx, held.view, "end")
        return await self.accesses.find(access_id, None)

    async def visited(self, ctx: Context, operation: str, path: str) -> None:
        """Note in the tenant's log what an operator asks for inside, reading too."""
        access_id = UUID((ctx.actor.via or "").removeprefix(VIA))
        said = {"operation": operation, "path": path[:200]}
        await note(ctx.session, ctx, "support.visit", (ABOUT, access_id), said)

    def _theirs(
        self, ctx: Context, access_id: UUID
    ) -> AbstractAsyncContextManager[Held]:
        """An access to the tenant, for its own people to decide about."""
        if ctx.actor.kind is not ActorKind.user:
            raise StaffOnly
        return self.accesses.hold(access_id, ctx.tenant.id)

    async def _decided(self, ctx: Context, held: Held, action: str) -> None:
        """Write a user's decision into both logs."""
        await held.note(action, None, user_id=str(ctx.actor.id))
        async with self._engine().work(ctx) as work:
            # No row of the tenant's: its log says in words which access it was.
            said = {**_said(held.view), "access_id": str(held.view.id)}
            row = ABOUT, None
            await note(work.transaction, work, f"{ABOUT}.{action}", row, said)

    async def _tell_tenant(
        self, ctx: Context, view: AccessView, action: str, *, loud: bool = False
    ) -> None:
        """Write an operator's deed into the tenant's log; loudly, tell its keepers."""
        inside = await self._inside(view.tenant_id)
        operator = Actor(
            ActorKind.operator,
            ctx.actor.id,
            tenant=view.tenant_id,
            via=f"{VIA}{view.id}",
        )
        acting = Context(
            operator,
            tenant=inside.tenant,
            session=inside.session,
            request_id=ctx.request_id,
        )
        async with self._engine().work(acting) as work:
            await _write(work, view, action)
            if loud:
                await tell(work, view)


async def _write(work: WorkContext, view: AccessView, action: str) -> None:
    row = ABOUT, view.id
    await note(work.transaction, work, f"{ABOUT}.{action}", row, _said(view))


def _said(view: AccessView) -> dict[str, object]:
    return {
        "operator": view.operator,
        "reason": view.reason,
        "kind": view.kind.value,
        "scope": view.scope.value,
        "hours": view.hours,
    }
