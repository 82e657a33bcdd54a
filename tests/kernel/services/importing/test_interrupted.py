"""An import that is killed anywhere goes on where it was, and does no row twice."""

from datetime import timedelta
from typing import Any

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.services.importing import reading, working
from insula.server.scheduler import system_context
from tests.kernel.services.importing.test_steps import tag
from tests.kernel.services.importing.wizard import Wizard, counts

pytestmark = pytest.mark.anyio
EARLIER = Statement(
    "UPDATE home__.jobs SET run_at = now() WHERE tenant_id = $1::text::uuid"
    " AND state = 'queued'"
)
COUNT = Statement(
    "SELECT (SELECT count(*) FROM home__.import_rows WHERE tenant_id = $1::text::uuid)"
    " + (SELECT count(*) FROM home__.imports WHERE tenant_id = $1::text::uuid) AS n"
)
AGE = Statement(
    "UPDATE home__.imports SET expires_at = $2::timestamptz"
    " WHERE tenant_id = $1::text::uuid"
)


async def fetch(wizard: Wizard, statement: Statement, *args: object) -> Any:
    """What a statement answers in the tenant."""
    tenant = wizard.tenant
    session = wizard.house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        return await transaction.fetch(statement, *args)


def table(rows: int) -> tuple[str, str]:
    """A file of so many rows, the last but one of which is refused; and their tag."""
    begins = tag()
    lines = [
        f"{begins}{at:03},{'' if at == rows - 2 else 'Pump'}" for at in range(rows)
    ]
    return begins, "\n".join(["tag,name", *lines, ""])


@pytest.mark.parametrize("dies_at", ["load", "note"])
async def test_a_chunk_that_is_cut_short_is_done_once(
    wizard: Wizard, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    """Whatever was written before the cut, in any chunk, is undone with it."""
    monkeypatch.setattr(reading, "CHUNK_ROWS", 4)
    begins, text = table(10)
    run = await wizard.begin(text)
    await wizard.step(run, "check")
    whole = getattr(working, dies_at)
    calls = []

    async def dying(*args: Any) -> Any:
        found = await whole(*args)
        calls.append(1)
        if len(calls) in (1, 3, 4):
            raise ConnectionResetError
        return found

    monkeypatch.setattr(working, dies_at, dying)
    await wizard.caller.post(f"imports/{run['id']}/start")
    for _ in range(4):
        await wizard.house.work(wizard.tenant)
        await fetch(wizard, EARLIER)
    done = await wizard.look(run)
    assert (done["state"], done["done"], counts(done)) == ("done", 10, (9, 0, 0, 1))
    made = [it["tag"] for it in await wizard.assets() if it["tag"].startswith(begins)]
    assert len(made) == len(set(made)) == 9
    assert len(calls) == 6


async def test_an_import_whose_owner_may_no_more_fails_and_says_so(
    wizard: Wizard,
) -> None:
    """Rights are those of the moment in which a row is written."""
    begins, text = table(3)
    run = await wizard.begin(text)
    await wizard.step(run, "check")
    await wizard.caller.post(f"imports/{run['id']}/start")
    users = "UPDATE home__.users SET roles = '[]' WHERE tenant_id = $1::text::uuid"
    owner = f"{users} AND id = $2::uuid"
    await fetch(wizard, Statement(owner), wizard.caller.actor_id)
    forget(wizard)
    await wizard.house.work(wizard.tenant)
    back = owner.replace("'[]'", """'["owner"]'""")
    await fetch(wizard, Statement(back), wizard.caller.actor_id)
    forget(wizard)
    found = await wizard.look(run)
    assert found["state"] == "failed"
    assert found["error"]
    assert not any(it["tag"].startswith(begins) for it in await wizard.assets())


async def test_an_import_is_forgotten_after_thirty_days(wizard: Wizard) -> None:
    await wizard.load(table(3)[1])
    assert (await fetch(wizard, COUNT))[0]["n"] > 0
    await fetch(wizard, AGE, now() - timedelta(seconds=1))
    platform = wizard.house.platform
    (schedule,) = platform.engine.apps["imports"].schedules
    ctx = await system_context(platform, wizard.tenant.id)
    async with platform.engine.work(ctx) as work:
        await schedule.run(work)
    assert (await fetch(wizard, COUNT))[0]["n"] == 0


def forget(wizard: Wizard) -> None:
    """Have the owner's rights looked up anew."""
    assert wizard.caller.actor_id is not None
    wizard.house.platform.authenticator.forget_actor(wizard.caller.actor_id)
