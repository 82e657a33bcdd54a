"""A tenant has all that it needs, one slug has one tenant, and a purge leaves nothing."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from insula.kernel.database.bus import Bus
from insula.kernel.database.home import Isolation
from insula.kernel.database.pool import Pools
from insula.kernel.database.session import Session, Statement
from insula.kernel.foundation.errors import Invalid
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.lifecycle import WrongState
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.new_tenant import DomainTaken
from insula.kernel.tenancy.provisioning import NewTenant, PlanUnknown, Provisioning
from insula.kernel.tenancy.saga import StepReport, UndoFailed
from insula.kernel.tenancy.signals import TenantNotFound
from insula.kernel.tenancy.slugs import SlugReserved, SlugTaken
from tests.kernel.tenancy.conftest import Inventory

pytestmark = pytest.mark.anyio

MODES = tuple(Isolation)
OWNER = Statement(
    "SELECT email, roles, password, email_verified_at,"
    " (SELECT count(*) FROM home__.audit_log WHERE resource_id = u.id) AS audited"
    " FROM home__.users u WHERE tenant_id = $1::uuid"
)


def wish(slug: str, isolation: Isolation = Isolation.shared, **more: str) -> NewTenant:
    """A tenant that is asked for."""
    return NewTenant(slug=slug, name=slug.title(), isolation=isolation, **more)


@pytest.mark.parametrize("isolation", MODES)
async def test_a_tenant_has_all_that_it_needs(
    provisioning: Provisioning, isolation: Isolation
) -> None:
    """S1-30: row, home, schema, first rows, domain; and each step is told live."""
    told = list[StepReport]()
    slug = f"whole-{isolation}"
    view = await provisioning.create(wish(slug, isolation), told.append)
    assert [it.step for it in told if it.state == "done"] == [
        *("reserve", "place", "build", "seed", "domains", "subscribe", "activate")
    ]
    assert (view.status, view.state, view.isolation) == ("active", "active", isolation)
    assert view.domains == (view.domain,) == (f"{slug}.insula.test",)
    assert (view.plan, view.subscription) == ("free", "active")
    assert await provisioning.find(slug) == await provisioning.find(view.id) == view
    own = f"tenant_{view.id.hex}"
    assert (view.database == own) is (isolation is Isolation.database)  # S1-18
    assert (view.schema == own) is (isolation is Isolation.schema)


@pytest.mark.parametrize("isolation", MODES)
async def test_the_owner_is_there_once_and_may_do_everything(
    provisioning: Provisioning, homes: Homes, pools: Pools, isolation: Isolation
) -> None:
    view = await provisioning.create(
        wish(
            f"owned-{isolation}",
            isolation,
            owner_email="Ada@Example.TEST",
            owner_password_hash="$argon2id$hash",
        )
    )
    home = await homes.place(view.id, isolation)
    async with Session(pools, home, view.id).transaction() as transaction:
        (owner,) = await transaction.fetch(OWNER)
    assert owner["email"] == "ada@example.test"
    assert bytes(owner["roles"]) == b'["owner"]'
    assert owner["password"] == "$argon2id$hash"
    assert owner["email_verified_at"] is not None
    assert owner["audited"] == 1


async def test_of_many_requests_for_one_slug_one_gets_it(
    provisioning: Provisioning, inventory: Inventory
) -> None:
    before = await inventory()
    asked = [provisioning.create(wish("raced")) for _ in range(6)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(it, SlugTaken) for it in answers) == 5
    gained = await inventory() - before
    assert sorted(kind for kind, _ in gained) == ["domain", "subscription", "tenant"]


async def test_a_slug_is_held_until_the_undo_has_finished(
    provisioning: Provisioning, homes: Homes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise OSError("no")

    new = wish("held", Isolation.schema)
    with monkeypatch.context() as broken:
        broken.setattr(homes, "build", refuse)
        broken.setattr(homes, "demolish", refuse)
        with pytest.raises(UndoFailed):
            await provisioning.create(new)
    view = await provisioning.find("held")
    assert (view.status, view.state) == ("pending", State.failed)
    assert view.reason == "build: OSError: no"
    with pytest.raises(SlugTaken):
        await provisioning.create(new)
    await provisioning.resume_all()
    assert (await provisioning.create(new)).state is State.active


async def test_a_tenant_that_cannot_be_is_refused_at_once(
    provisioning: Provisioning, inventory: Inventory
) -> None:
    before = await inventory()
    await provisioning.create(wish("first", domain="first.example"))
    refused = {
        SlugReserved: wish("admin"),
        SlugTaken: wish("first"),
        PlanUnknown: wish("planless", plan="golden"),
        DomainTaken: wish("second", domain="first.example"),
    }
    for problem, new in refused.items():
        with pytest.raises(problem):
            await provisioning.create(new)
    kinds = sorted(kind for kind, _ in await inventory() - before)
    assert kinds == ["domain", "domain", "subscription", "tenant"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(("name", " "), ("name", "x" * 256), ("name", "a\x00b")),
        *(("owner_email", "nobody"), ("owner_email", f"{'x' * 250}@a.test")),
        *(("domain", "no host"), ("domain", "Upper.example"), ("domain", "nodot")),
        *(("domain", "other.insula.test"), ("domain", "insula.test")),
    ],
)
async def test_what_is_wrong_is_told_by_field(
    provisioning: Provisioning, field: str, text: str
) -> None:
    fields: dict[str, Any] = {"slug": "wrong", "name": "Wrong", field: text}
    with pytest.raises(Invalid) as caught:
        await provisioning.create(NewTenant(**fields))
    assert [it.field for it in caught.value.fields] == [field]


async def test_a_plan_may_require_an_isolation(
    provisioning: Provisioning, control: Control
) -> None:
    """R02."""
    await control.fetch(
        "INSERT INTO control.plans (id, slug, name, isolation)"
        " VALUES (gen_random_uuid(), 'apart', 'Apart', 'schema')"
    )
    view = await provisioning.create(wish("apart-1", plan="apart"))
    assert (view.isolation, view.plan) == (Isolation.schema, "apart")


async def test_a_tenant_is_suspended_and_resumed(provisioning: Provisioning) -> None:
    view = await provisioning.create(wish("resting"))
    view = await provisioning.suspend(view.id, "unpaid")
    assert (view.status, view.reason) == ("suspended", "unpaid")
    with pytest.raises(WrongState):
        await provisioning.suspend(view.id, "again")
    view = await provisioning.resume(view.id)
    assert (view.status, view.reason) == ("active", None)


async def test_a_deletion_can_be_taken_back_within_the_grace(
    provisioning: Provisioning,
) -> None:
    view = await provisioning.create(wish("regretted"))
    await provisioning.suspend(view.id, "leaving")
    gone = await provisioning.delete(view.id)
    assert (gone.status, gone.state) == ("deleted", State.deleting)
    assert gone.deleted_at is not None
    assert gone.purge_after == gone.deleted_at + timedelta(days=30)
    with pytest.raises(SlugTaken):
        await provisioning.create(wish("regretted"))
    back = await provisioning.restore(view.id)
    assert (back.state, back.deleted_at) == (State.suspended, None)


async def test_what_is_not_deleted_is_not_purged(provisioning: Provisioning) -> None:
    view = await provisioning.create(wish("living"))
    with pytest.raises(WrongState, match="active"):
        await provisioning.purge(view.id)
    await provisioning.delete_now(view.id)
    with pytest.raises(TenantNotFound):
        await provisioning.purge(view.id)


@pytest.mark.parametrize("isolation", MODES)
async def test_a_purge_leaves_nothing_but_ids(
    provisioning: Provisioning,
    control: Control,
    inventory: Inventory,
    isolation: Isolation,
) -> None:
    before = await inventory()
    new = wish(f"canary-{isolation}", isolation, owner_email="canary@canary.test")
    view = await provisioning.create(new)
    await provisioning.suspend(view.id, "canary")
    await provisioning.delete(view.id)
    await provisioning.purge(view.id)
    assert await inventory() == before
    for table in ("audit_logs", "sagas"):
        rows = await control.fetch(
            f"SELECT x::text FROM control.{table} x WHERE tenant_id = $1", view.id
        )
        assert rows
        assert not [row for row in rows if "canary" in row[0]]


async def test_the_purge_comes_when_the_grace_is_over(
    provisioning: Provisioning, control: Control
) -> None:
    early = await provisioning.create(wish("early"))
    late = await provisioning.create(wish("late"))
    for view in (early, late):
        await provisioning.delete(view.id)
    await control.fetch(
        "UPDATE control.tenants SET purge_after = now() WHERE id = $1", late.id
    )
    assert await provisioning.purge_due() == {late.id: None}
    assert (await provisioning.find("early")).state is State.deleting


async def test_every_server_hears_of_every_change(
    provisioning: Provisioning, homes: Homes
) -> None:
    bus = Bus(homes.cluster.app(homes.cluster.control))
    heard = asyncio.Queue[str | None]()
    await bus.start()
    try:
        bus.subscribe(heard.put_nowait)
        view = await provisioning.create(wish("loud"))
        await provisioning.suspend(view.id, "noise")
        await provisioning.delete(view.id)
        await provisioning.purge(view.id)
        for _ in range(5):
            assert await heard.get() == f"tenant:{view.id}"
    finally:
        await bus.stop()


async def test_tenants_are_listed_page_by_page(provisioning: Provisioning) -> None:
    for slug in ("paged-a", "paged-b", "paged-c"):
        await provisioning.create(wish(slug))
    await provisioning.suspend((await provisioning.find("paged-c")).id, "x")
    first = await provisioning.list(search="Paged", limit=2)
    rest = await provisioning.list(search="paged", after=first[-1].slug)
    assert [it.slug for it in (*first, *rest)] == ["paged-a", "paged-b", "paged-c"]
    found = await provisioning.list(search="paged", status="suspended")
    assert [it.slug for it in found] == ["paged-c"]
    assert await provisioning.list(search="%") == []
