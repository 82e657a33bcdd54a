"""Wherever a request is cut off, sent again it has been done once (S4-15, promise 9)."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database import pool
from insula.kernel.database import session as sessions
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Statement, Transaction
from insula.server.build import build_app
from tests.house import House, Witness

from .keys import counts, create, key, keys, tag

pytestmark = pytest.mark.anyio


class Cutter:
    """Cuts a request off at its n-th step in the database, before or after it."""

    def __init__(self, at: int, *, before: bool) -> None:
        self.at, self.before, self.steps = at, before, 0

    def step(self) -> bool:
        """Whether this step is the one."""
        self.steps += 1
        return self.steps == self.at

    @contextmanager
    def cutting(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """Every step of transactions, and the commit, for the length of a block."""
        with patch.context() as inside:
            fetch, commit = Transaction.fetch, pool.commit
            inside.setattr(Transaction, "fetch", self._around(fetch))
            inside.setattr(sessions, "commit", self._around(commit))
            yield

    def _around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        async def step(*args: Any) -> Any:
            cut = self.step()
            if cut and self.before:
                raise ConnectionError("cut off")
            found = await real(*args)
            if cut:
                raise ConnectionError("cut off")
            return found

        return step


@pytest.mark.parametrize("before", [True, False])
async def test_cut_off_at_any_step(
    house: House, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    """Also right after the commit, when nobody heard the answer."""
    tenant = await house.tenant()
    owner, outcomes = await house.user(tenant), list[tuple[int, bool]]()
    for at in range(1, 10):
        name, using = tag(), key()
        cutter = Cutter(at, before=before)
        with cutter.cutting(monkeypatch):
            first = await create(owner, name, using)
        there = await counts(house, tenant, name)
        assert there in ((0, 0, 0), (1, 1, 1))
        second = await create(owner, name, using)
        assert second.status == 201, second.body
        assert ("idempotent-replayed" in second.headers) == (there == (1, 1, 1))
        assert await counts(house, tenant, name) == (1, 1, 1)
        outcomes.append((first.status, there == (1, 1, 1)))
        if cutter.steps < at:
            break
    assert outcomes[0] == (503, False)
    assert outcomes[-1] == (201, True)
    assert len(outcomes) > 4
    assert ((503, True) in outcomes) == (not before)


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await house.tenant()
    owner, name, using = await house.user(tenant), tag(), key()
    real, begun = Transaction.fetch, asyncio.Event()

    async def slow(
        self: Transaction, statement: Statement, *args: object
    ) -> Sequence[Record]:
        if "maintenance_assets" in statement.text:
            begun.set()
            await asyncio.sleep(30)
        return await real(self, statement, *args)

    with monkeypatch.context() as inside:
        inside.setattr(Transaction, "fetch", slow)
        asking = asyncio.create_task(create(owner, name, using))
        await begun.wait()
        asking.cancel()
        await asyncio.wait([asking])
    assert await counts(house, tenant, name) == (0, 0, 0)
    assert (await create(owner, name, using)).status == 201


async def test_while_it_is_under_way_elsewhere_one_is_told_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two server processes: here, two applications that share nothing but the rows."""
    monkeypatch.setattr("insula.kernel.http.once.PATIENCE", 0.2)
    tenant = await house.tenant()
    owner, name, using = await house.user(tenant), tag(), key()
    other = House(house.platform, build_app(house.platform, {}, Witness()), Witness())
    there = await other.user(tenant)
    there.token = owner.token
    real, begun, go = Transaction.fetch, asyncio.Event(), asyncio.Event()

    async def held(
        self: Transaction, statement: Statement, *args: object
    ) -> Sequence[Record]:
        if "maintenance_assets" in statement.text and not begun.is_set():
            begun.set()
            await go.wait()
        return await real(self, statement, *args)

    monkeypatch.setattr(Transaction, "fetch", held)
    first = asyncio.create_task(create(owner, name, using))
    await begun.wait()
    told = await create(there, name, using)
    assert (told.status, told.code) == (409, "IDEMPOTENCY_IN_FLIGHT")
    go.set()
    made = await first
    again = await create(there, name, using)
    assert again.body == made.body
    assert again.headers["idempotent-replayed"] == "true"
    await other.http.aclose()


async def test_it_is_known_after_a_restart(house: House) -> None:
    tenant = await house.tenant()
    owner, name, using = await house.user(tenant), tag(), key()
    made = await create(owner, name, using)
    later = House(house.platform, build_app(house.platform, {}, Witness()), Witness())
    owner.http = later.http
    again = await create(owner, name, using)
    assert again.body == made.body
    await later.http.aclose()


AGE = Statement(
    "UPDATE home__.idempotency_keys SET created_at = now() - $2::text::interval"
    " WHERE tenant_id = $1::text::uuid"
)


@pytest.mark.parametrize(("age", "left"), [("23 hours 59 minutes", 1), ("25 hours", 0)])
async def test_keys_are_known_for_a_day_and_then_forgotten(
    house: House, age: str, left: int
) -> None:
    """S4-15: at least 24 hours; the schedule takes them away afterwards."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    await create(owner, tag(), key())
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        await transaction.fetch(AGE, age)
    (schedule,) = house.platform.engine.apps["idempotency"].schedules
    system = Actor(ActorKind.system, None)
    ctx = Context(system, tenant=tenant, session=session)
    async with house.platform.engine.work(ctx) as work:
        await schedule.run(work)
    assert len(await keys(house, tenant)) == left


async def test_what_others_keep_is_dropped_after_the_commit(house: House) -> None:
    """What was kept does not outlive a write under a key."""
    tenant = await house.tenant()
    owner, name = await house.user(tenant), tag()
    before = (await owner.get("maintenance/dashboard")).data
    await create(owner, name, key())
    after = (await owner.get("maintenance/dashboard")).data
    assert before != after


async def test_whoever_is_disabled_under_a_key_is_out_at_once(house: House) -> None:
    """The notice of it waits for the commit, and not for anything else."""
    tenant = await house.tenant()
    owner, other = await house.user(tenant), await house.user(tenant, "member")
    assert (await other.get("maintenance/assets")).status == 200
    headers = {"idempotency-key": key()}
    path = f"users/{other.actor_id}/disable"
    done = await owner.post(path, headers=headers)
    assert done.status == 200, done.body
    assert (await other.get("maintenance/assets")).status == 401
