"""What both sides do about support accesses: operators on their host, tenants on theirs."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply, summary_of
from insula.kernel.foundation.errors import NotFound
from insula.kernel.services.support import views
from insula.kernel.services.support.access import AccessState, Wish
from insula.kernel.services.support.desk import Desk, NotYours, OwnRequest, StaffOnly
from insula.kernel.services.support.models import Kind
from insula.kernel.services.support.views import (
    Approval,
    AskForAccess,
    BadSupportQuery,
    key_of,
    shown,
)

MANY, ONE = "/api/v1/support-accesses", "/api/v1/support-accesses/{id}"
MANAGE = "support.manage"
Run = Callable[[Context, Call], Awaitable[Reply]]


class OperatorSide:
    """What operators ask for and do, on the ``admin`` host."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, _: Context, call: Call) -> Reply:
        """All accesses to all tenants, the newest first."""
        limit, after = views.asked(call.query, "tenant_id")
        tenant_id = views.given_id(call.query, "tenant_id")
        return views.page(
            list(await self._desk.page(tenant_id, after, limit + 1)), limit
        )

    async def read(self, _: Context, call: Call) -> Reply:
        """One access."""
        return shown(await self._desk.accesses.find(key_of(call), None))

    async def ask(self, ctx: Context, call: Call) -> Reply:
        """Ask a tenant for access, or break the glass."""
        body: AskForAccess = call.body
        broken = body.kind is Kind.break_glass
        assert ctx.actor.id is not None
        wish = Wish(
            tenant_id=body.tenant_id,
            admin_id=ctx.actor.id,
            reason=body.reason,
            kind=body.kind,
            scope=body.scope,
            hours=body.hours,
            at_once=broken and ctx.actor.may("support.break_glass"),
        )
        view = await self._desk.ask(ctx, wish)
        return shown(view, status=201, location=f"{MANY}/{view.id}")

    async def approve(self, ctx: Context, call: Call) -> Reply:
        """Approve that a colleague breaks the glass."""
        return shown(await self._desk.second(ctx, key_of(call)))

    async def enter(self, ctx: Context, call: Call) -> Reply:
        """Come in: a token for the tenant's host, good for an hour at most."""
        entered = await self._desk.enter(ctx, key_of(call))
        return Reply(msgspec.json.encode(entered))

    async def end(self, ctx: Context, call: Call) -> Reply:
        """End an access at once."""
        return shown(await self._desk.leave(ctx, key_of(call)))

    def operations(self) -> tuple[Operation, ...]:
        """All of them, declared."""
        return (
            _made(
                "list", "GET", MANY, self.list, permission="support.read", paged=True,
                answer=views.many, parameters=(*views.PAGING, views.OF_TENANT),
                errors=(BadSupportQuery,), audience=Audience.operator,
            ),
            _made(
                "read", "GET", ONE, self.read, permission="support.read",
                errors=(NotFound,), audience=Audience.operator,
            ),
            _made(
                "create", "POST", MANY, self.ask, permission="support.request",
                body=AskForAccess, status=201, errors=(NotFound,), step_up=True,
                audience=Audience.operator,
            ),
            _made(
                "approve", "POST", f"{ONE}/approve", self.approve,
                permission="support.approve", audience=Audience.operator, step_up=True,
                errors=(NotFound, AccessState, OwnRequest, StaffOnly),
            ),
            _made(
                "enter", "POST", f"{ONE}/enter", self.enter,
                permission="support.request", answer=views.entered_schema,
                errors=(NotFound, AccessState, NotYours), audience=Audience.operator,
            ),
            _made(
                "end", "POST", f"{ONE}/end", self.end, permission="support.request",
                errors=(NotFound, AccessState, NotYours), audience=Audience.operator,
            ),
        )  # fmt: skip


class TenantSide:
    """What a tenant's own people see and decide, on their host."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, ctx: Context, call: Call) -> Reply:
        """Who of support asked to come in, and who may, the newest first."""
        limit, after = views.asked(call.query)
        found = await self._desk.page(ctx.tenant.id, after, limit + 1)
        return views.page(list(found), limit)

    async def read(self, ctx: Context, call: Call) -> Reply:
        """One access of support."""
        return shown(await self._desk.accesses.find(key_of(call), ctx.tenant.id))

    async def approve(self, ctx: Context, call: Call) -> Reply:
        """Let support in, for the hours that were asked for."""
        return shown(await self._desk.approve(ctx, key_of(call), call.body.scope))

    async def reject(self, ctx: Context, call: Call) -> Reply:
        """Refuse support."""
        return shown(await self._desk.reject(ctx, key_of(call)))

    async def revoke(self, ctx: Context, call: Call) -> Reply:
        """Have support leave at once."""
        return shown(await self._desk.revoke(ctx, key_of(call)))

    def operations(self) -> tuple[Operation, ...]:
        """All of them, declared."""
        return (
            _made(
                "list", "GET", MANY, self.list, paged=True, answer=views.many,
                parameters=views.PAGING, errors=(BadSupportQuery,),
            ),
            _made("read", "GET", ONE, self.read, errors=(NotFound,)),
            _made(
                "approve", "POST", f"{ONE}/approve", self.approve, body=Approval,
                errors=(NotFound, AccessState, StaffOnly), step_up=True,
            ),
            _made(
                "reject", "POST", f"{ONE}/reject", self.reject,
                errors=(NotFound, AccessState, StaffOnly),
            ),
            _made(
                "revoke", "POST", f"{ONE}/revoke", self.revoke,
                errors=(NotFound, AccessState, StaffOnly),
            ),
        )  # fmt: skip


def _made(name: str, method: str, path: str, run: Run, **more: Any) -> Operation:
    return Operation(
        name=f"support_accesses.{name}",
        method=method,
        path=path,
        run=run,
        summary=summary_of(run),
        writes=method != "GET",
        **{"permission": MANAGE, "answer": views.schema, **more},
    )
