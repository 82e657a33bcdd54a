"""Whatever breaks or dies, a tenant ends active or gone (R17, S1-31, promise 5)."""

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.provisioning import NewTenant, Provisioning
from insula.kernel.tenancy.saga import StepFailed
from tests.kernel.tenancy.conftest import Inventory, Recover
from tests.kernel.tenancy.crash import killed_at, killed_before, killed_during, sabotage

pytestmark = pytest.mark.anyio

CREATION = ("place", "build", "seed", "domains", "subscribe", "activate")
REMOVAL = ("revoke", "rows", "home", "domains", "sweep", "forget")
MODES = tuple(Isolation)


def wish(slug: str, isolation: Isolation) -> NewTenant:
    """What the tests ask for."""
    return NewTenant(
        slug=f"{slug}-{isolation}",
        name="Crash",
        isolation=isolation,
        owner_email="ada@crash.test",
        owner_password_hash="$argon2id$hash",
    )


@pytest.mark.parametrize("isolation", MODES)
@pytest.mark.parametrize("step", CREATION)
async def test_a_failed_step_leaves_nothing_behind(
    provisioning: Provisioning, inventory: Inventory, step: str, isolation: Isolation
) -> None:
    def fail() -> None:
        raise ValueError("on purpose")

    before = await inventory()
    sabotage(provisioning, step, fail)
    with pytest.raises(StepFailed, match="on purpose") as caught:
        await provisioning.create(wish(f"failed-{step}", isolation))
    assert caught.value.details["step"] == step
    assert await inventory() == before


@pytest.mark.parametrize("isolation", MODES)
@pytest.mark.parametrize("step", CREATION)
async def test_a_killed_creation_is_finished_by_a_successor(
    provisioning: Provisioning,
    homes: Homes,
    inventory: Inventory,
    recover: Recover,
    step: str,
    isolation: Isolation,
) -> None:
    before = await inventory()
    new = wish(f"killed-{step}", isolation)
    assert killed_at(step, homes.cluster, new)
    assert (await provisioning.find(new.slug)).state is State.provisioning
    assert await recover() == [None]
    view = await provisioning.find(new.slug)
    assert view.state is State.active
    await provisioning.delete_now(view.id)
    assert await inventory() == before


async def test_a_creation_killed_before_its_first_commit_never_was(
    homes: Homes, inventory: Inventory
) -> None:
    before = await inventory()
    assert killed_at("reserve", homes.cluster, wish("unborn", Isolation.shared))
    assert await inventory() == before


@pytest.mark.parametrize("isolation", MODES)
@pytest.mark.parametrize("statement", range(8, 50, 7))
async def test_between_any_two_statements_a_kill_does_no_harm(
    provisioning: Provisioning,
    homes: Homes,
    inventory: Inventory,
    recover: Recover,
    statement: int,
    isolation: Isolation,
) -> None:
    before = await inventory()
    new = wish(f"cut-{statement}", isolation)
    killed_before(statement, homes.cluster, new)
    await recover()
    view = await provisioning.find(new.slug)
    assert view.state is State.active
    await provisioning.delete_now(view.id)
    assert await inventory() == before


@pytest.mark.parametrize("statement", ["CREATE ROLE", "CREATE DATABASE"])
async def test_what_postgresql_finishes_without_us_is_no_orphan(
    provisioning: Provisioning,
    homes: Homes,
    inventory: Inventory,
    recover: Recover,
    statement: str,
) -> None:
    before = await inventory()
    new = wish(f"late-{statement[7:].lower()}", Isolation.database)
    assert killed_during(statement, homes.cluster, new)
    await recover()
    for view in await provisioning.list(search=new.slug):
        assert view.state is State.active
        await provisioning.delete_now(view.id)
    assert await inventory() == before


@pytest.mark.parametrize("isolation", MODES)
@pytest.mark.parametrize("step", REMOVAL)
async def test_a_killed_removal_is_finished_by_a_successor(
    provisioning: Provisioning,
    homes: Homes,
    inventory: Inventory,
    recover: Recover,
    step: str,
    isolation: Isolation,
) -> None:
    before = await inventory()
    view = await provisioning.create(wish(f"gone-{step}", isolation))
    assert killed_at(step, homes.cluster, view.id)
    if step == "revoke":  # rolled back with the transaction that begins the removal
        await provisioning.delete_now(view.id)
    await recover()
    assert await inventory() == before
