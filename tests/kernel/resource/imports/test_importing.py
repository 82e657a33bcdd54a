"""An import is exact: every good row once, every bad row told, whatever happens."""

import asyncio
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from insula.kernel.resource.imports.importing import ImportReport
from insula.kernel.resource.imports.rows import BATCH
from tests.kernel.resource.imports.trial import Workshop

pytestmark = pytest.mark.anyio

MACHINES: dict[str, Any] = {
    "map": {
        "tag": "machineID",
        "name": "Machine {machineID}",
        "category": "model",
        "custom.age": "json:age",
    },
    "key": ["tag"],
}
FAILURES: dict[str, Any] = {
    "map": {"machine_id": "@tag:machineID", "title": "failure", "done_at": "datetime"},
    "set": {"kind": "corrective", "state": "done"},
}
KILLED = """
import asyncio, pickle, sys
from insula.kernel.database.pool import Pools
from insula.kernel.resource.imports.importing import Watch
from tests.kernel.resource.imports.trial import Workshop
home, tenant_id, text, said = pickle.load(sys.stdin.buffer)
def progress(report, position, size):
    print(report.rows, flush=True)
workshop = Workshop(Pools(), home, tenant_id)
asyncio.run(workshop.load("trial.jobs", text, Watch(progress), **said))
"""


def machines_csv(count: int) -> str:
    """Machines as a predictive-maintenance data set has them."""
    rows = [f'{it},"model{it % 4}",{it * 7 % 21}' for it in range(1, count + 1)]
    return "\n".join(['"machineID","model","age"', *rows, ""])


def failures_csv(count: int, machines: int = 20) -> str:
    """Failures as a predictive-maintenance data set has them; many come twice."""
    numbers = [number * number % 1009 for number in range(count)]
    rows = [
        f"2020-{it % 12 + 1:02}-{it % 28 + 1:02} 06:00:00,{it % machines + 1},"
        f'"comp{it % 5}"'
        for it in numbers
    ]
    return "\n".join(['"datetime","machineID","failure"', *rows, ""])


def counts(report: ImportReport) -> tuple[int, int, int]:
    assert report.rows == report.created + report.existing + report.failed
    return report.created, report.existing, report.failed


async def test_machines_and_their_failures_are_loaded(workshop: Workshop) -> None:
    machines = await workshop.load("trial.machines", machines_csv(20), **MACHINES)
    assert counts(machines) == (20, 0, 0)
    failures = await workshop.load("trial.jobs", failures_csv(1200), **FAILURES)
    assert counts(failures) == (1200, 0, 0)
    rows = await workshop.fetch(
        "SELECT m.tag, m.name, m.custom->'age' AS age, j.title, j.kind, j.state,"
        " j.done_at::text FROM home__.trial_jobs j JOIN home__.trial_machines m"
        " ON m.tenant_id = j.tenant_id AND m.id = j.machine_id"
        " WHERE j.tenant_id = $1::uuid ORDER BY j.done_at"
    )
    assert len(rows) == 1200
    first = rows[0]
    assert first["name"] == f"Machine {first['tag']}"
    assert bytes(first["age"]).isdigit()
    assert first["title"].startswith("comp")
    assert (first["kind"], first["state"]) == ("corrective", "done")
    assert first["done_at"].endswith(" 06:00:00+00")
    assert workshop.changed == [workshop.tenant_id] * 2


async def test_every_row_has_its_audit_and_its_event(workshop: Workshop) -> None:
    await workshop.load("trial.machines", machines_csv(7), **MACHINES)
    ids = [row["id"] for row in await workshop.rows("trial_machines")]
    for table in ("audit_log", "outbox"):
        assert sorted(it["resource_id"] for it in await workshop.rows(table)) == ids


async def test_a_second_run_makes_nothing(workshop: Workshop) -> None:
    """Also where equal rows come more than once, and no field is a key."""
    await workshop.load("trial.machines", machines_csv(3), **MACHINES)
    twice = failures_csv(400, 3) + failures_csv(400, 3).partition("\n")[2]
    assert counts(await workshop.load("trial.jobs", twice, **FAILURES)) == (800, 0, 0)
    before = await workshop.rows("audit_log")
    for text in (twice, failures_csv(400, 3)):
        again = await workshop.load("trial.jobs", text, **FAILURES)
        assert (again.created, again.failed, again.differing) == (0, 0, 0)
        assert again.existing == again.rows
    assert await workshop.rows("audit_log") == before


async def test_an_import_that_was_killed_is_resumed_by_running_it_again(
    workshop: Workshop,
) -> None:
    """``kill -9``, between any two statements."""
    await workshop.load("trial.machines", machines_csv(20), **MACHINES)
    text = failures_csv(40 * BATCH)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, cwd=Path(__file__).parents[4],
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    job = workshop.home, workshop.tenant_id, text, FAILURES
    child.stdin.write(pickle.dumps(job))
    child.stdin.close()
    await child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()
    done = len(await workshop.rows("trial_jobs"))
    assert 0 < done < 40 * BATCH
    resumed = await workshop.load("trial.jobs", text, **FAILURES)
    assert counts(resumed) == (40 * BATCH - done, done, 0)
    for table in ("trial_jobs", "outbox"):
        kept = await workshop.rows(table)
        assert len(kept) == 40 * BATCH + 20 * (table == "outbox")


async def test_two_imports_of_one_file_at_once_make_each_row_once(
    workshop: Workshop,
) -> None:
    text = machines_csv(3 * BATCH)
    both = await asyncio.gather(
        *(workshop.load("trial.machines", text, **MACHINES) for _ in range(2))
    )
    assert sum(report.created for report in both) == 3 * BATCH
    assert sum(report.existing for report in both) == 3 * BATCH
    assert len(await workshop.rows("audit_log")) == 3 * BATCH


async def test_a_rehearsal_writes_nothing_and_reports_the_same(
    workshop: Workshop,
) -> None:
    await workshop.load("trial.machines", machines_csv(5), **MACHINES)
    text = failures_csv(BATCH + 50, 6)  # there is no machine 6
    shown = await workshop.rehearse("trial.jobs", text, **FAILURES)
    assert shown.failed > 0
    assert await workshop.rows("trial_jobs") == []
    assert len(await workshop.rows("outbox")) == 5
    real = await workshop.load("trial.jobs", text, **FAILURES)
    assert shown.dry_run
    assert not real.dry_run
    assert counts(shown) == counts(real)
    assert shown.errors == real.errors


async def test_a_row_made_by_hand_is_there_already_if_its_key_is_the_same(
    workshop: Workshop,
) -> None:
    by_hand = "tag,name,serial\n7,By hand,S1\n"
    await workshop.load("trial.machines", by_hand)
    text = "tag,name,serial\n7,Imported,\n8,Other,S1\n9,New,S2\n"
    report = await workshop.load("trial.machines", text, key=["tag"])
    assert counts(report) == (1, 1, 1)
    assert report.differing == 1
    (error,) = report.errors
    assert (error.line, error.field, error.code) == (3, "serial", "taken")
    names = {row["name"] for row in await workshop.rows("trial_machines")}
    assert names == {"By hand", "New"}


async def test_without_the_key_the_same_row_is_taken(workshop: Workshop) -> None:
    await workshop.load("trial.machines", "tag,name\n7,By hand\n")
    report = await workshop.load("trial.machines", "tag,name\n7,Imported\n")
    assert [(error.field, error.code) for error in report.errors] == [("tag", "taken")]


async def test_rows_that_were_changed_or_deleted_since_stay_so(
    workshop: Workshop,
) -> None:
    await workshop.load("trial.machines", machines_csv(3), **MACHINES)
    await workshop.fetch(
        "UPDATE home__.trial_machines SET deleted_at = now(), category = 'mine'"
        " WHERE tenant_id = $1::uuid"
    )
    report = await workshop.load("trial.machines", machines_csv(3), **MACHINES)
    assert counts(report) == (0, 3, 0)
    assert report.differing == 3
    rows = await workshop.rows("trial_machines")
    assert all(row["deleted_at"] and row["category"] == "mine" for row in rows)


async def test_each_tenant_has_its_own_rows_of_one_file(workshop: Workshop) -> None:
    other = Workshop(workshop.pools, workshop.home)
    for one in (workshop, other):
        report = await one.load("trial.machines", machines_csv(3), **MACHINES)
        assert counts(report) == (3, 0, 0)
    mine, theirs = [
        {row["id"] for row in await it.rows("trial_machines")}
        for it in (workshop, other)
    ]
    assert mine.isdisjoint(theirs)
