"""Whatever is uploaded is read, or refused with a reason; nothing of it unfolds in memory."""

import io
import zipfile

import pytest

from insula.kernel.resource.imports import jsonl_reading, xlsx_reading
from insula.kernel.resource.imports.detecting import open_table
from insula.kernel.resource.imports.tables import LONGEST_ROW, UnreadableFile
from tests.kernel.services.importing.test_steps import tag
from tests.kernel.services.importing.wizard import Wizard, counts, workbook

pytestmark = pytest.mark.anyio
JUNK = """Tag ; Name;Category;Serial ;State Of Things
{0};  Pump ;Select;;x
 {1};"Fan; big";select;  S-{1} ;

{2};Ventil;SELECT;n/a;y
;;;;
{3};Kühler;Water Pumps;S-9;"a
b"
"""


def rezipped(raw: bytes, **parts: bytes) -> bytes:
    """The workbook with other parts."""
    out = io.BytesIO()
    named = {
        name.replace("__", "/").replace("_xml", ".xml"): it
        for name, it in parts.items()
    }
    with (
        zipfile.ZipFile(io.BytesIO(raw)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for item in old.infolist():
            new.writestr(item.filename, named.pop(item.filename, old.read(item)))
        for name, content in named.items():
            new.writestr(name, content)
    return out.getvalue()


def bomb() -> bytes:
    """A small workbook of which a part unfolds to what nobody keeps."""
    zeros = b"0" * (xlsx_reading.MOST_KEPT + 1)
    return rezipped(workbook([["a"], [1]]), xl__sharedStrings_xml=zeros)


BOOK = workbook([["a"], ["x"]])
HOSTILE = {
    "nothing": b"",
    "bomb": bomb(),
    "no_book": rezipped(BOOK)[:-30],
    "archive": BOOK.replace(b"xl/workbook.xml", b"xl/nothing!.xml"),
    "bad_xml": rezipped(BOOK, xl__worksheets__sheet1_xml=b"<worksheet><sheetData><row"),
    "old_excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
    "array": b'[{"a": 1}]',
    "columns": ",".join(f"c{at}" for at in range(5000)).encode(),
    "wide_book": workbook([[f"c{at}" for at in range(600)], [1]]),
    "encoding": b"\xef\xbb\xbfa\n\xff\xfe\xfa\n",
    "binary": bytes(range(256)) * 8,
}


@pytest.mark.parametrize("kind", list(HOSTILE))
async def test_a_file_that_cannot_be_read_is_refused(wizard: Wizard, kind: str) -> None:
    answer = await wizard.send(HOSTILE[kind])
    assert (answer.status, answer.code) == (400, "INVALID_FILE")


async def test_a_row_that_cannot_be_is_told_and_takes_no_other_with_it(
    wizard: Wizard,
) -> None:
    """NUL, lone surrogates, a line without end, a key out of nowhere."""
    one = tag()
    lines = [
        f'{{"tag": "{one}", "name": "Pump"}}',
        '{"tag": "x", "name": "a\\u0000b"}',
        '{"tag": "y", "name": "\\ud800"}',
        '{"tag": "' + "z" * LONGEST_ROW + '"}',
        "null",
        '{"tag": NaN}',
        "[" * 5000,
        f'{{"tag": "{tag()}", "name": "Fan"}}',
    ]
    done = await wizard.load("\n".join(lines))
    assert counts(done) == (2, 0, 0, 6)
    assert [it["row"] for it in await wizard.rows(done)] == [2, 3, 4, 5, 6, 7]


def test_a_key_that_comes_late_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl_reading, "SAMPLE_ROWS", 1)
    rows = list(open_table(io.BytesIO(b'{"a": 1}\n{"a": 2, "b": 3}\n')))
    assert [it.fault and it.fault.code for it in rows] == [None, "unknown_column"]


async def test_junk_of_spreadsheets_is_read_as_it_was_meant(wizard: Wizard) -> None:
    """ "Select", blanks, spaces, a colon as delimiter, Windows' letters, mixed case."""
    tags = [tag() for _ in range(4)]
    raw = JUNK.format(*tags).encode("cp1252")
    values = {"*": {"select": None, "N/A": None}}
    done = await wizard.load(raw, match="tag", values=values)
    assert counts(done) == (4, 0, 0, 0)
    found = {it["tag"]: it for it in await wizard.assets()}
    rows = [found[it] for it in tags]
    assert [it["name"] for it in rows] == ["Pump", "Fan; big", "Ventil", "Kühler"]
    assert [it["category"] for it in rows] == [None, None, None, "Water Pumps"]
    assert [it["serial"] for it in rows] == [None, f"S-{tags[1]}", None, "S-9"]


async def test_what_is_said_of_an_import_is_checked_before_anything_is_done(
    wizard: Wizard,
) -> None:
    run = await wizard.begin("tag,name\n1,Pump\n")
    for wrong in (
        {"match": "name"},
        {"map": {"tag": "no such column"}},
        {"map": {"nothing": "tag"}},
        {"mode": "merge"},
        {"time_zone": "Mars/Phobos"},
        {"strange": 1},
        {"skip": ["tag", "name"]},
    ):
        answer = await wizard.caller.patch(f"imports/{run['id']}", {"options": wrong})
        assert (answer.status, answer.code) == (422, "VALIDATION_ERROR"), wrong
    rows = [{"row": 7, "cells": {}}]
    fixing = f"imports/{run['id']}/rows"
    assert (await wizard.caller.patch(fixing, {"rows": rows})).status == 409
    await wizard.step(run, "check")
    assert (await wizard.caller.patch(fixing, {"rows": rows})).status == 422


def test_a_gigabyte_without_a_line_end_is_not_kept() -> None:
    """Neither kind of text file is read further than a row may be long."""

    class Endless(io.RawIOBase):
        """A file of one line that has no end worth waiting for."""

        longest = 0

        def seek(self, offset: int, whence: int = 0) -> int:
            return 2**30 if whence == io.SEEK_END else offset

        def readable(self) -> bool:
            return True

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            Endless.longest = max(size, Endless.longest)
            self.given = getattr(self, "given", 0) + size
            return b"" if self.given > 2**30 else b"{" * size

    with pytest.raises(UnreadableFile):
        jsonl_reading.JsonlFile(Endless())  # type: ignore[arg-type]  # enough of a file
    assert Endless.longest == LONGEST_ROW
