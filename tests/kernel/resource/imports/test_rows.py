"""A bad row is told by its line, its field and a code, and keeps no other row out."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from insula.kernel.foundation.errors import Invalid
from insula.kernel.resource.imports import importing
from insula.kernel.resource.imports.importing import ImportReport, Watch
from insula.kernel.resource.imports.rows import BATCH, RowError
from insula.kernel.resource.imports.tables import Row
from tests.kernel.resource.imports.trial import Workshop

pytestmark = pytest.mark.anyio

MACHINE = "tag,name\n1,Machine 1\n"


def counts(report: ImportReport) -> tuple[int, int, int]:
    assert report.rows == report.created + report.existing + report.failed
    return report.created, report.existing, report.failed


def told(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(error.line, error.field, error.code) for error in report.errors]


async def test_a_bad_row_is_told_by_line_field_and_code(workshop: Workshop) -> None:
    await workshop.load("trial.machines", MACHINE)
    text = (
        "title,kind,priority,machine,due_at,labels\n"
        "ok,corrective,5,1,2020-01-05 06:00,\n"
        ",corrective,5,1,,\n"
        "bad,broken,six,2,tomorrow,[\n"
        "short,corrective\n"
        "1970,corrective,1,1,12,\n"
        'ok,,,,,"[""a""]"\n'
    )
    report = await workshop.load("trial.jobs", text, map={"machine_id": "@tag:machine"})
    assert counts(report) == (2, 0, 4)
    assert sorted(told(report)) == [
        (3, "title", "required"),
        (4, "due_at", "datetime"),
        (4, "kind", "enum"),
        (4, "labels", "json"),
        (4, "machine_id", "not_found"),
        (4, "priority", "int_parsing"),
        (5, "", "ragged"),
        (6, "due_at", "datetime"),
    ]


async def test_rows_that_a_constraint_refuses_do_not_take_others_with_them(
    workshop: Workshop,
) -> None:
    rows = [f"job {n},{'' if n % 50 == 0 else '2020-01-01'}" for n in range(BATCH + 9)]
    text = "\n".join(["title,at", *rows])
    said: dict[str, Any] = {"map": {"done_at": "at"}, "set": {"state": "done"}}
    report = await workshop.load("trial.jobs", text, **said)
    assert counts(report) == (BATCH + 9 - 11, 0, 11)
    wanted = [(n + 2, "done_at", "needs_time") for n in range(0, BATCH + 9, 50)]
    assert told(report) == wanted


async def test_a_reference_to_nothing_is_told_of_its_row(workshop: Workshop) -> None:
    other = Workshop(workshop.pools, workshop.home)
    await other.load("trial.machines", MACHINE)
    foreign: UUID = (await other.rows("trial_machines"))[0]["id"]
    text = f"title,machine_id\na,\nb,{foreign}\nc,\n"
    report = await workshop.load("trial.jobs", text)
    assert counts(report) == (2, 0, 1)
    assert told(report) == [(3, "machine_id", "not_found")]
    report = await workshop.load(
        "trial.jobs", "title,m\nx,1\n", map={"machine_id": "@tag:m"}
    )
    assert told(report) == [(2, "machine_id", "not_found")]


async def test_times_that_overlap_are_told_of_the_later_row(workshop: Workshop) -> None:
    await workshop.load("trial.machines", MACHINE)
    text = "m,started_at,ended_at\n1,2020-01-01,2020-01-03\n1,2020-01-02,2020-01-04\n"
    report = await workshop.load("trial.stops", text, map={"machine_id": "@tag:m"})
    assert counts(report) == (1, 0, 1)
    assert told(report)[0][1:] == ("machine_id", "overlap")


async def test_a_key_must_be_there_and_must_not_mean_two_things(
    workshop: Workshop,
) -> None:
    text = "name,serial\nA,1\nA,1\nB,1\nC,\n"
    said: dict[str, Any] = {"map": {"tag": "name", "name": "{name}"}, "key": ["serial"]}
    report = await workshop.load("trial.machines", text, **said)
    assert counts(report) == (1, 1, 2)
    assert told(report) == [(4, "key", "repeated"), (5, "serial", "required")]


async def test_a_naive_moment_is_of_the_given_zone(workshop: Workshop) -> None:
    """A moment that the clock skipped is refused, one with an offset is itself."""
    text = (
        "title,due_at\n"
        "winter,2020-01-05 06:00:00\n"
        "summer,2020-07-05 06:00:00\n"
        "skipped,2020-03-29 02:30:00\n"
        "offset,2020-07-05T06:00:00+05:30\n"
    )
    report = await workshop.load("trial.jobs", text, time_zone="Europe/Berlin")
    assert told(report) == [(4, "due_at", "datetime")]
    due = {row["title"]: row["due_at"] for row in await workshop.rows("trial_jobs")}
    hours = {title: at.strftime("%H:%M") for title, at in due.items()}
    assert hours == {"winter": "05:00", "summer": "04:00", "offset": "00:30"}


async def test_moments_are_read_in_the_format_that_was_said(workshop: Workshop) -> None:
    text = "title,due_at\na,12/1/2010 8:26\nb,2010-12-01\n"
    report = await workshop.load("trial.jobs", text, time_format="%m/%d/%Y %H:%M")
    assert told(report) == [(3, "due_at", "datetime")]
    (row,) = await workshop.rows("trial_jobs")
    assert row["due_at"].isoformat() == "2010-12-01T08:26:00+00:00"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "/etc", "Europe"])
async def test_a_zone_that_does_not_exist_is_refused(
    workshop: Workshop, zone: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await workshop.load("trial.jobs", "title\na\n", time_zone=zone)
    assert caught.value.fields[0].field == "time_zone"


async def test_some_errors_are_kept_and_all_are_told_and_counted(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "KEPT_ERRORS", 10)
    heard: list[Sequence[str]] = []

    def refused(row: Row, errors: Sequence[RowError]) -> None:
        assert {error.line for error in errors} == {row.line}
        heard.append(row.cells)

    rows = [f"job {number},9" for number in range(BATCH + 20)]
    text = "\n".join(["title,priority", *rows, "good,1"])
    report = await workshop.load("trial.jobs", text, Watch(refused=refused))
    assert counts(report) == (1, 0, BATCH + 20)
    assert len(report.errors) == 10
    assert heard == [row.split(",") for row in rows]


async def test_progress_is_told_in_rows_and_bytes(workshop: Workshop) -> None:
    heard: list[tuple[int, int, int]] = []

    def progress(report: ImportReport, position: int, size: int) -> None:
        heard.append((report.rows, position, size))

    text = "title\n" + "x\n" * (2 * BATCH + 1)
    await workshop.load("trial.jobs", text, Watch(progress))
    assert [rows for rows, _, _ in heard] == [BATCH, 2 * BATCH, 2 * BATCH + 1]
    assert {size for _, _, size in heard} == {len(text)}
    assert heard[-1][1] == len(text)


@pytest.mark.parametrize("text", ['{"a": "\\u0000"}', "[" * 100_000, "NaN", "1e999"])
async def test_json_that_postgresql_cannot_keep_costs_one_row(
    workshop: Workshop, text: str
) -> None:
    quoted = text.replace('"', '""')
    rows = f'tag,name,custom\n1,One,"{quoted}"\n2,Two,"{{""a"":1}}"\n'
    report = await workshop.load("trial.machines", rows)
    assert counts(report) == (1, 0, 1)
    assert report.errors[0].line == 2
