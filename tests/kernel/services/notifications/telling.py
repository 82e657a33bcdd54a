"""Telling: notifications as services and apps make them, in a transaction of a tenant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.session import Statement
from insula.kernel.resource.notification import Digest, NotificationKind, Wish
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.notifications.notifying import Message, notify
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

TITLES = {"en": "Work assigned to you", "de": "Arbeit für dich"}
ASSIGNED = NotificationKind("testing.assigned", TITLES)
QUIET = NotificationKind(
    "testing.quiet",
    {"en": "Gathered"},
    Wish(mail=True, in_app=True, digest=Digest.daily),
)
HIDDEN = NotificationKind("testing.hidden", {"en": "Nothing"}, Wish(in_app=False))
SPEAK = Statement(
    "UPDATE home__.users SET settings = jsonb_build_object('locale', $3::text)"
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)
COUNT = Statement(
    "SELECT count(*) FROM home__.outbox WHERE tenant_id = $1::text::uuid"
    " AND name = 'notification.created'"
)
DUE = Statement(
    "SELECT count(*) FROM home__.notifications"
    " WHERE tenant_id = $1::text::uuid AND digest_due"
)


@asynccontextmanager
async def work_of(house: House, tenant: Tenant) -> AsyncIterator[WorkContext]:
    """What a job of this tenant works with; it commits at the block's end."""
    session = house.platform.open_session(tenant.home, tenant.id)
    system = Actor(ActorKind.system, None, tenant=tenant.id, grants=("*",))
    ctx = Context(system, tenant=tenant, session=session, request_id="run_1")
    async with house.platform.engine.work(ctx) as work:
        yield work


async def tell(
    house: House,
    tenant: Tenant,
    *users: Caller,
    kind: NotificationKind = ASSIGNED,
    **message: Any,
) -> int:
    """Notify these users in a transaction of its own."""
    ids = [it.actor_id for it in users if it.actor_id is not None]
    async with work_of(house, tenant) as work:
        told = Message(**{"title": "Look", **message})
        return await notify(work, ids, kind, told)


async def number_of(house: House, tenant: Tenant, statement: Statement) -> int:
    """What a counting statement counts."""
    async with work_of(house, tenant) as work:
        found: int = (await work.transaction.fetch(statement))[0][0]
        return found


def id_of(caller: Caller) -> UUID:
    """The user's id."""
    assert caller.actor_id is not None
    return caller.actor_id
