"""Whoever may import sends a file to the API and hears of every row."""

from typing import Any

import msgspec
import pytest

from insula.kernel.access.operation import Call
from insula.kernel.foundation.errors import Denied, Invalid, Problem
from insula.kernel.foundation.languages import Languages
from insula.kernel.resource.imports.operation import BadImportQuery, import_operation
from insula.kernel.resource.imports.tables import UnreadableFile
from tests.kernel.resource.imports.trial import Workshop

pytestmark = pytest.mark.anyio

MACHINES = b"tag,name\n1,One\n2,Two\n2,Three\n"


async def send(
    workshop: Workshop,
    raw: bytes,
    *grants: str,
    resource: str = "machines",
    **query: str,
) -> dict[str, Any]:
    operation = import_operation(workshop.importer(f"trial.{resource}"), Languages(()))
    ctx = workshop.context(*(grants or ("trial.*.manage",)))
    reply = await operation.run(ctx, Call(operation.path, query=query, raw=raw))
    assert reply.status == 200
    found: dict[str, Any] = msgspec.json.decode(reply.data)
    return found


async def test_a_file_is_imported_and_every_row_accounted_for(
    workshop: Workshop,
) -> None:
    report = await send(workshop, MACHINES, key="tag")
    error = {
        "line": 4,
        "field": "key",
        "code": "repeated",
        "message": "An earlier row has this key, but says something else.",
    }
    assert report == {
        "format": "csv",
        "encoding": "utf-8",
        "delimiter": ",",
        "columns": {"tag": ["tag"], "name": ["name"]},
        "ignored": [],
        "dry_run": False,
        "rows": 3,
        "created": 2,
        "updated": 0,
        "existing": 0,
        "differing": 0,
        "failed": 1,
        "errors": [error],
    }


async def test_a_dry_run_answers_the_same_and_writes_nothing(
    workshop: Workshop,
) -> None:
    shown = await send(workshop, MACHINES, key="tag", dry_run="true")
    assert await workshop.rows("trial_machines") == []
    assert await send(workshop, MACHINES, key="tag") == {**shown, "dry_run": False}


async def test_a_mapping_comes_as_json(workshop: Workshop) -> None:
    mapping = {"map": {"name": "No {id}", "tag": "id"}, "ignore_unknown": True}
    raw = "id;größe\n1;2\n".encode("cp1252")
    report = await send(workshop, raw, mapping=msgspec.json.encode(mapping).decode())
    assert report["ignored"] == ["größe"]
    (row,) = await workshop.rows("trial_machines")
    assert (row["name"], row["tag"]) == ("No 1", "1")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"mapping": "{"}, Invalid),
        ({"mapping": '{"maps": {}}'}, Invalid),
        ({"mapping": '{"encoding": "punycode"}'}, Invalid),
        ({"mapping": '{"delimiter": "x"}'}, Invalid),
        ({"mapping": '{"map": {"colour": "tag"}}'}, Invalid),
        ({"key": "colour"}, Invalid),
        ({"dry_run": "perhaps"}, BadImportQuery),
        ({"dryrun": "true"}, BadImportQuery),
    ],
)
async def test_what_is_not_understood_is_refused_before_any_row(
    workshop: Workshop, query: dict[str, str], problem: type[Problem]
) -> None:
    with pytest.raises(problem):
        await send(workshop, MACHINES, **query)
    assert await workshop.rows("trial_machines") == []


async def test_a_body_that_is_no_csv_is_refused(workshop: Workshop) -> None:
    with pytest.raises(UnreadableFile):
        await send(workshop, b"")


async def test_importers_make_rows_and_only_managers_make_history(
    workshop: Workshop,
) -> None:
    importer = ("trial.jobs.import", "trial.*.create", "trial.*.read")
    history = '{"set": {"state": "done"}, "map": {"done_at": "at"}}'
    raw = b"title,at\nfixed,2020-01-05\n"
    with pytest.raises(Invalid):
        await send(workshop, raw, *importer, resource="jobs", mapping=history)
    assert (await send(workshop, b"title\nfix\n", *importer, resource="jobs"))[
        "created"
    ]
    report = await send(workshop, raw, resource="jobs", mapping=history)
    assert report["created"] == 1


async def test_a_reference_needs_the_right_to_read_it(workshop: Workshop) -> None:
    mapping = '{"map": {"machine_id": "@tag:m"}}'
    with pytest.raises(Denied):
        await send(workshop, b"title,m\nx,1\n", "trial.jobs.import", "trial.jobs.create",
                   resource="jobs", mapping=mapping)  # fmt: skip


async def test_it_is_declared_with_permission_type_and_size(workshop: Workshop) -> None:
    operation = import_operation(workshop.importer("trial.machines"), Languages(()))
    assert (operation.method, operation.path) == (
        "POST",
        "/api/v1/trial/machines/import",
    )
    assert operation.permission == "trial.machines.import"
    assert (operation.raw_body, operation.body_limit) == ("text/csv", 32 * 2**20)
    assert operation.answer()["title"] == "ImportReport"
