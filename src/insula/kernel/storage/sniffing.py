"""Sniffing: what a file is, by its bytes; what it is called or declared never counts."""

import codecs
import json
import re

OCTETS = "application/octet-stream"
TEXT = "text/plain"
HEAD = 64 * 1024
"""Bytes from a file's beginning, and from its end, that suffice to tell what it is."""

SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBPVP8", "image/webp"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"BM", "image/bmp"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"MZ", "application/x-msdownload"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"wOF2", "font/woff2"),
    (0, b"wOFF", "font/woff"),
)
"""Where in a file which bytes are, and what it is then; the first that fits counts."""
WRITTEN: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"%!PS", "application/postscript"),
    (b"{\\rtf", "application/rtf"),
)
"""The same of files that may consist of readable characters alone."""

OFFICE = "application/vnd.openxmlformats-officedocument"
ZIPPED: tuple[tuple[bytes, str], ...] = (
    (b"word/document.xml", f"{OFFICE}.wordprocessingml.document"),
    (b"xl/workbook.xml", f"{OFFICE}.spreadsheetml.sheet"),
    (b"ppt/presentation.xml", f"{OFFICE}.presentationml.presentation"),
)
OPEN_DOCUMENT = re.compile(
    rb"mimetype(application/(?:vnd\.oasis\.opendocument\.[a-z]+|epub\+zip))"
)
PAGE = re.compile(
    rb"(?:\s|<\?xml[^>]*>|<!--.*?-->)*<(?:!doctype\s+html|html|head|body|script|iframe"
    rb"|style|title|meta|link|base|object|embed|form|h[1-6]|div|font|table|a|b|br|p|img)"
    rb"[\s/>]",
    re.IGNORECASE | re.DOTALL,
)
"""How a page begins (WHATWG MIME Sniffing, 7.1, and some more)."""
ACTIVE = re.compile(
    rb"<(?:!doctype\s+html|html|body|script|iframe|object|embed)[\s/>]", re.IGNORECASE
)
"""What makes a text dangerous to show, wherever it stands."""
SVG = re.compile(rb"<(?:[a-z]+:)?svg[\s>]", re.IGNORECASE)
MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def sniff(head: bytes, tail: bytes = b"") -> str:
    """The content type of a file that begins and ends with these bytes."""
    if head[:2] == b"PK" and head[2:4] in (b"\x03\x04", b"\x05\x06"):
        return _zip(head, tail)
    for signature, kind in WRITTEN:
        if head.startswith(signature):
            return kind
    text = _text(head)
    if text is not None:
        return _of_text(text)
    for at, signature, kind in SIGNATURES:
        if head.startswith(signature, at):
            return kind
    return OCTETS


def _zip(head: bytes, tail: bytes) -> str:
    """Documents that are archives: by the names of their parts, wherever these are."""
    document = OPEN_DOCUMENT.match(head, 30)
    if document is not None:
        return document[1].decode("ascii")
    for part, kind in ZIPPED:
        if part in head or part in tail:
            return kind
    return "application/zip"


def _text(head: bytes) -> bytes | None:
    """The text in UTF-8, or None for what is none."""
    for mark in MARKS[1:]:
        if head.startswith(mark):
            wide = head[: len(head) // 2 * 2].decode("utf-16", "replace")
            return wide.encode("utf-8", "replace")
    head = head.removeprefix(MARKS[0])
    if NOT_TEXT.search(head) is not None:
        return None
    return head


def _of_text(text: bytes) -> str:
    """What a text is; whatever a browser might take for a page is called one."""
    start = text.lstrip()
    if PAGE.match(text) is not None:
        return "text/html"
    if start[:1] == b"<" and SVG.search(text) is not None:
        return "image/svg+xml"
    if start[:5].lower() == b"<?xml":
        return "application/xml"
    if start[:1] in (b"{", b"[") and _is_json(text):
        return "application/json"
    if ACTIVE.search(text) is not None:
        return "text/html"
    return "text/csv" if _is_csv(text) else TEXT


def _is_json(text: bytes) -> bool:
    """Whether it is JSON; of a long file only the beginning is there to be judged."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return len(text) >= HEAD and re.match(rb'\s*[{\[]\s*["{\[\d]', text) is not None
    return True


def _is_csv(text: bytes) -> bool:
    """Whether the first lines have the same separators, equally often."""
    lines = [it for it in text.split(b"\n")[:6] if it.strip()]
    if len(text) >= HEAD:
        lines = lines[:-1]
    for separator in (b",", b";", b"\t"):
        counts = {line.count(separator) for line in lines}
        if len(lines) > 1 and len(counts) == 1 and counts != {0}:
            return True
    return False
