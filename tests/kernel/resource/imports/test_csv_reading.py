"""Any CSV that people have is read as they meant it, or refused with its line."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insula.kernel.resource.imports import csv_reading
from insula.kernel.resource.imports.csv_reading import CsvFile
from insula.kernel.resource.imports.tables import LONGEST_ROW, UnreadableFile
from insula.kernel.resource.spreadsheets import meant

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


def read(text: str | bytes, **said: str) -> CsvFile:
    raw = text if isinstance(text, bytes) else text.encode()
    return CsvFile(io.BytesIO(raw), **said)


def cells(text: str | bytes) -> list[list[str]]:
    return [list(row.cells) for row in read(text)]


def faults(text: str | bytes) -> list[tuple[int, str]]:
    return [(row.line, row.fault.code) for row in read(text) if row.fault]


@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), max_size=8),
    delimiter=st.sampled_from(csv_reading.DELIMITERS),
    encoding=st.sampled_from(("utf-8", "utf-8-sig", "utf-16")),
    newline=st.sampled_from(("\n", "\r\n")),
)
def test_what_was_written_is_read(
    rows: list[tuple[str, ...]], delimiter: str, encoding: str, newline: str
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL
    )
    writer.writerows([("a", "b", "c"), *rows])
    file = read(out.getvalue().encode(encoding), delimiter=delimiter)
    trimmed = [[meant(cell.strip()) for cell in row] for row in rows]
    assert [list(row.cells) for row in file] == [row for row in trimmed if any(row)]
    assert file.encoding == encoding


@settings(max_examples=300)
@given(raw=st.binary(max_size=300) | st.text('",;\n\r\x00a', max_size=60))
def test_nothing_but_unreadable_is_raised(raw: str | bytes) -> None:
    with suppress(UnreadableFile):
        lines = [row.line for row in read(raw)]
        assert lines == sorted(set(lines))


@pytest.mark.parametrize("delimiter", csv_reading.DELIMITERS)
def test_the_delimiter_is_found_in_spite_of_the_others(delimiter: str) -> None:
    rows = [("id", "note", "at"), ("1", "a,b;c", "x|y"), ("2", "d, e", "z")]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    file = read(out.getvalue())
    assert file.delimiter == delimiter
    assert [tuple(row.cells) for row in file] == rows[1:]


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        ("name\nZoë".encode(), "utf-8"),
        ("name\nZoë".encode("utf-8-sig"), "utf-8-sig"),
        ("name\nZoë".encode("cp1252"), "cp1252"),
        ("name\nZoë".encode("utf-16"), "utf-16"),
    ],
)
def test_the_encoding_is_found(raw: bytes, encoding: str) -> None:
    assert read(raw).encoding == encoding
    assert cells(raw) == [["Zoë"]]


def test_one_foreign_byte_at_the_end_decides_for_the_whole_file() -> None:
    raw = b"name\n" + b"plain\n" * 300_000 + b"Zo\xeb\n"
    assert read(raw).encoding == "cp1252"


def test_a_row_of_another_width_is_refused_and_the_next_is_read() -> None:
    text = "a,b\n1\n1,2,3\n4,5\n6,7,,\n\n,\n8,9\n"
    assert faults(text) == [(2, "ragged"), (3, "ragged")]
    assert cells(text)[2:] == [["4", "5"], ["6", "7"], ["8", "9"]]


def test_a_row_is_told_by_the_line_on_which_it_begins() -> None:
    text = 'a,b\n"x\ny",2\n"p""q",3\nz\n'
    assert cells(text)[:2] == [["x\ny", "2"], ['p"q', "3"]]
    assert faults(text) == [(5, "ragged")]


def test_a_quote_that_is_never_closed_costs_one_row() -> None:
    assert faults('a,b\n1,2\n3,"4\n5,6\n') == [(3, "malformed")]
    assert faults('a,b\n"x"y,2\n3,4\n') == [(2, "malformed")]


def test_a_nul_character_is_refused() -> None:
    assert faults("a\nx\x00y\nz\n") == [(2, "nul")]


def test_neither_a_line_nor_a_row_nor_a_cell_is_endless() -> None:
    line = "x" * (LONGEST_ROW * 2)
    row = '"' + '\n","' * (LONGEST_ROW // 2)
    cell = '"' + "x\n" * 100_000 + '"'
    for long, code in ((line, "too_long"), (row, "too_long"), (cell, "malformed")):
        found = list(read(f"a,b\n{long}\nlast,\n"))
        assert found[0].fault is not None
        assert (found[0].line, found[0].fault.code) == (2, code)
    assert cells(f"a,b\n{line}\nlast,\n")[1] == ["last", ""]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        b"a,a\n",
        b"name\n\xeb\x81\n",
        "name\nZoë".encode("utf-8-sig")[:-1],
        ",".join(map(str, range(501))).encode(),
        b'a,"b',
    ],
)
def test_a_file_without_a_usable_header_or_text_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableFile):
        read(raw)


def test_columns_without_a_name_are_called_by_their_place() -> None:
    assert read("a,,c,,\n1,2,3\n").columns == ("a", "column 2", "c")


def test_what_is_left_to_read_is_known() -> None:
    file = read("a\n" + "x\n" * 100_000)
    rows = iter(file)
    next(rows)
    begun = file.position
    assert 0 < begun < file.size == 200_002
    assert sum(1 for _ in rows) == 99_999
    assert file.position == file.size
