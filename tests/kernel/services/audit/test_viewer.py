"""A tenant reads its own log, with filters, the newest first."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from insula.kernel.access.actor import SYSTEM_ROLES, Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.access.roles import RoleBook
from insula.kernel.database.session import Statement
from insula.kernel.events.journal import SOUGHT
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.deriving import derive
from insula.kernel.resource.listing import BadQuery
from insula.kernel.resource.writers import Writers
from insula.kernel.services.audit.resource import entries
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House

pytestmark = pytest.mark.anyio
API = ResourceApi(entries, Writers(), b"s" * 32, lambda _: None)
WRITE = Statement(
    """INSERT INTO home__.audit_log (tenant_id, id, created_at, action, resource,
       resource_id, actor_kind, actor_id, request_id, client, changes)
VALUES ($1::text::uuid, $2, $3, $4, $4, $5, $4, $5, $4, '192.0.2.7', '{"a": [1, 2]}')"""
)


class Viewer:
    """Somebody who reads a tenant's log."""

    def __init__(self, house: House, tenant: Tenant) -> None:
        self.session = house.platform.open_session(tenant.home, tenant.id)
        actor = Actor(ActorKind.user, uuid7(), tenant=tenant.id, grants=["*"])
        self.ctx = Context(actor, tenant=tenant, session=self.session)

    async def write(self, word: str, mark: UUID, *, days: int = 0) -> str:
        """An entry in which every field that can be sought has this word or mark."""
        entry, at = uuid7(), now() - timedelta(days=days)
        async with self.session.transaction() as transaction:
            await transaction.fetch(WRITE, entry, at, word, mark)
        return str(entry)

    async def list(self, **query: str) -> list[dict[str, Any]]:
        """What the list answers."""
        return rows(await API.list(self.ctx, Call("", query=query)))


def rows(reply: Reply) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(reply.data)
    return found


@pytest.fixture
async def viewer(house: House) -> Viewer:
    return Viewer(house, await house.tenant(apps=()))


def test_the_log_is_read_and_never_written() -> None:
    """S2-57: two operations, for those who may read it."""
    found = {it.name: (it.method, it.path) for it in derive(API)}
    assert found == {
        "audit_log.list": ("GET", "/api/v1/audit-log"),
        "audit_log.read": ("GET", "/api/v1/audit-log/{id}"),
    }
    assert {it.permission for it in derive(API)} == {"audit_log.read"}
    book = RoleBook({})
    may = {
        role
        for role in SYSTEM_ROLES
        if Actor(ActorKind.user, None, grants=book.grants([role])).may("audit_log.read")
    }
    assert may == {"owner", "admin", "auditor"}


async def test_an_entry_says_who_did_what_and_from_where(viewer: Viewer) -> None:
    mark = uuid7()
    entry = await viewer.write("made", mark)
    (row,) = await viewer.list(resource_id=str(mark))
    assert (row["type"], row["id"], row["action"]) == ("audit_entry", entry, "made")
    assert (row["client"], row["changes"]) == ("192.0.2.7", {"a": [1, 2]})
    assert "tenant_id" not in row
    one = await API.get(viewer.ctx, Call("", key=entry))
    assert msgspec.json.decode(one.data) == row
    with pytest.raises(NotFound):
        await API.get(viewer.ctx, Call("", key=str(uuid7())))


@pytest.mark.parametrize("name", [it for it in SOUGHT if it != "created_at"])
async def test_entries_are_sought_by(viewer: Viewer, name: str) -> None:
    """S1-95 for tenants: the newest first, and no others."""
    mark, other = uuid7(), uuid7()
    wanted = [await viewer.write("wanted", mark) for _ in range(3)]
    await viewer.write("other", other)
    value = str(mark) if name.endswith("_id") and name != "request_id" else "wanted"
    assert [it["id"] for it in await viewer.list(**{name: value})] == wanted[::-1]


async def test_entries_are_sought_by_time(viewer: Viewer) -> None:
    mark = uuid7()
    for days in (30, 20, 10):
        await viewer.write("timed", mark, days=days)
    begin, end = (f"{now() - timedelta(days=it):%Y-%m-%dT%H:%M:%SZ}" for it in (25, 15))
    bounds = f"created_at=ge={begin};created_at=le={end}"
    assert len(await viewer.list(filter=bounds, action="timed")) == 1
    with pytest.raises(BadQuery):
        await viewer.list(client="192.0.2.7")


async def test_another_tenants_log_is_not_there(house: House, viewer: Viewer) -> None:
    """Promise 1."""
    stranger = Viewer(house, await house.tenant(apps=()))
    mark = uuid7()
    entry = await stranger.write("secret", mark)
    assert await viewer.list(action="secret") == []
    with pytest.raises(NotFound):
        await API.get(viewer.ctx, Call("", key=entry))
