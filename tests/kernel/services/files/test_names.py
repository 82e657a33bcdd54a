"""A file's name tells what it is called, and can do nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.foundation.errors import Invalid
from insula.kernel.services.files.names import clean_name, disposition
from insula.kernel.services.files.ranges import RangeUnsatisfiable, Span, asked_span


def test_folders_before_a_name_are_dropped() -> None:
    for text in ("../../etc/passwd", "C:\\temp\\passwd", "/passwd", "passwd"):
        assert clean_name(text) == "passwd"


@pytest.mark.parametrize(
    "text", ["", "  ", "a/", "a\0b", "a\r\nb", "x" * 256, "a\u202egpj.exe", "\ud800"]
)
def test_a_name_that_could_deceive_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        clean_name(text)


@given(st.text(max_size=300))
def test_no_name_breaks_out_of_its_header(text: str) -> None:
    """Pitfall 37: neither into another header nor into another parameter."""
    try:
        name = clean_name(text)
    except Invalid:
        return
    header = disposition(name, "attachment")
    assert header.startswith(b"attachment; filename=")
    assert header.count(b'"') == 2
    assert all(0x20 <= byte < 0x7F for byte in header)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        (b"bytes=0-0", Span(0, 1)),
        (b"bytes=5-", Span(5, 10)),
        (b"bytes=5-99", Span(5, 10)),
        (b"bytes=-3", Span(7, 10)),
        (b"bytes=-99", Span(0, 10)),
        (b"bytes=5-2", None),
        (b"bytes=0-1,3-4", None),
        (b"lines=0-1", None),
        (b"bytes=a-b", None),
    ],
)
def test_a_range_is_understood_or_ignored(
    header: bytes | None, span: Span | None
) -> None:
    assert asked_span(header, 10) == span


@pytest.mark.parametrize("header", [b"bytes=10-", b"bytes=10-20", b"bytes=-0"])
def test_a_part_that_is_not_there_is_refused(header: bytes) -> None:
    with pytest.raises(RangeUnsatisfiable):
        asked_span(header, 10)
