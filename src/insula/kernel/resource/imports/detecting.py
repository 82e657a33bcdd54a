"""Detecting: which kind of file it is, told by what is in it and never by its name."""

from typing import BinaryIO

from insula.kernel.foundation.words import Words
from insula.kernel.resource.imports.csv_reading import CsvFile
from insula.kernel.resource.imports.jsonl_reading import JsonlFile
from insula.kernel.resource.imports.mapping import Instructions
from insula.kernel.resource.imports.tables import Table, UnreadableFile
from insula.kernel.resource.imports.xlsx_reading import XlsxFile

HEAD = 4096
ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
BOM = b"\xef\xbb\xbf"


def open_table(file: BinaryIO, said: Instructions | None = None) -> Table:
    """The rows of a file of any kind that is known; raises ``UnreadableFile``.

    ``said`` may tell the encoding and the delimiter of a CSV.
    """
    file.seek(0)
    head = file.read(HEAD)
    if head.startswith(ZIP):
        return XlsxFile(file)
    if head.startswith(OLE):
        raise UnreadableFile(
            reason=Words("it is an old or encrypted workbook: save it as .xlsx")
        )
    begins = head.removeprefix(BOM).lstrip()[:1]
    if begins == b"{":
        return JsonlFile(file)
    if begins == b"[":
        raise UnreadableFile(
            reason=Words("it is one JSON array: write one object a line")
        )
    if said is None:
        return CsvFile(file)
    return CsvFile(file, encoding=said.encoding, delimiter=said.delimiter)
