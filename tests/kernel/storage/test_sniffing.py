"""What a file is follows from its bytes alone."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from insula.kernel.storage.sniffing import OCTETS, sniff

OFFICE = "application/vnd.openxmlformats-officedocument"
PLAIN: tuple[tuple[bytes, str], ...] = (
    (b"", "text/plain"),
    (b"Hello, world", "text/plain"),
    ("Grüße".encode("latin-1"), "text/plain"),
    ("\ufeffGrüße".encode("utf-16-le"), "text/plain"),
    (b"BMW, Mazda\nMZ and ID3", "text/plain"),
    (b"name;age\nAda;36\nBob;<b>4</b>\n", "text/csv"),
    (b"a\tb\n1\t2\n", "text/csv"),
    (b'{"html": "<p>a</p>"}', "application/json"),
    (b"[1, 2", "text/plain"),
    (b"<?xml version='1.0'?><note/>", "application/xml"),
    (b"%PDF-1.7\n", "application/pdf"),
    (b"\x00\x01\x02", OCTETS),
    (b"MZ\x90\x00\x03", "application/x-msdownload"),
    (b"\x7fELF\x02\x01\x01\x00", "application/x-executable"),
)
PAGES = (
    b"<html><script>alert(1)</script>",
    b"  \n<!DOCTYPE HTML>",
    b"\xef\xbb\xbf<!-- a -->\n<ScRiPt>",
    b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>",
    b"harmless words <script src=//evil.test></script>",
    "\ufeff<html><body>".encode("utf-16-le"),
    b"<a href=javascript:alert(1)>",
)
DRAWINGS = (
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"<?xml version='1.0'?><!-- a --><!DOCTYPE svg><svg><script/></svg>",
    b"<s:svg xmlns:s='http://www.w3.org/2000/svg'/>",
)


@pytest.mark.parametrize(("content", "kind"), PLAIN)
def test_common_files_are_known(content: bytes, kind: str) -> None:
    assert sniff(content) == kind


@pytest.mark.parametrize("content", PAGES)
def test_a_page_is_a_page_whatever_it_is_called(content: bytes) -> None:
    """Pitfall 38: what a browser might run is never taken for something else."""
    assert sniff(content) == "text/html"


@pytest.mark.parametrize("content", DRAWINGS)
def test_a_drawing_with_scripts_is_no_picture(content: bytes) -> None:
    """Pitfall 38."""
    assert sniff(content) == "image/svg+xml"


def test_a_page_that_begins_like_a_picture_is_none() -> None:
    """Such files are made to be a picture for one reader and a script for another."""
    assert sniff(b"GIF89a=1;<script>alert(1)</script>") == "text/html"


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "tiff", "bmp", "avif"])
def test_pictures_are_known(kind: str) -> None:
    written = io.BytesIO()
    Image.new("RGB", (3, 3)).save(written, kind)
    assert sniff(written.getvalue()) == f"image/{kind}"


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        (("a.txt",), "application/zip"),
        (
            ("[Content_Types].xml", "word/document.xml"),
            f"{OFFICE}.wordprocessingml.document",
        ),
        (("xl/workbook.xml",), f"{OFFICE}.spreadsheetml.sheet"),
        (("ppt/presentation.xml",), f"{OFFICE}.presentationml.presentation"),
    ],
)
def test_documents_that_are_archives_are_known(
    parts: tuple[str, ...], kind: str
) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for part in parts:
            archive.writestr(part, "x")
    assert sniff(written.getvalue()) == kind


@given(st.binary(max_size=300), st.binary(max_size=50))
def test_nothing_trips_it(head: bytes, tail: bytes) -> None:
    assert "/" in sniff(head, tail)
