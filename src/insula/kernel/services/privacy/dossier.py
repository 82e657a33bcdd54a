"""The dossier: all that is held of one person, for that person to read (S4-20).

A ZIP with a page for people, one file of JSON lines for each table for programs, and
the person's files.
"""

import html
import zipfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import msgspec

from insula.kernel.database.personal import Registry
from insula.kernel.database.session import Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.services.privacy.archive import Part, copy_file
from insula.kernel.services.privacy.belongings import Belonging, files_of
from insula.kernel.services.privacy.beyond import Beyond
from insula.kernel.services.privacy.gathering import Gatherer, Gathering
from insula.kernel.services.privacy.identifiers import Redactor
from insula.kernel.services.privacy.person import known_by, own_rows
from insula.kernel.services.privacy.vault import Person
from insula.kernel.storage.disks import Disk

Row = tuple[str, Mapping[str, Any]]
"""A row, and its table's name."""
SHOWN = 200
"""Rows of one table that the page shows; the files have them all."""
IN_MEMORY = 1_000_000
HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Your data</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
 style-src 'unsafe-inline'">
<style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}
dl{border-top:1px solid #ccc;padding:.5em 0;margin:0;display:grid;
grid-template-columns:14em 1fr}dt{color:#555}dd{margin:0;overflow-wrap:anywhere}</style>
"""


@dataclass(slots=True)
class Page:
    """The page for people, as it grows."""

    out: IO[bytes]
    counts: dict[str, int] = field(default_factory=dict)

    def say(self, text: str) -> None:
        """Add to the page."""
        self.out.write(text.encode())

    def show(self, table: str, row: Mapping[str, Any]) -> None:
        """Show a row, if its table has not too many of them."""
        count = self.counts[table] = self.counts.get(table, 0) + 1
        if count == 1:
            self.say(f"<h2>{html.escape(_title(table))}</h2>\n")
        if count > SHOWN:
            return
        fields = (
            f"<dt>{html.escape(_title(name))}</dt><dd>{html.escape(_words(value))}</dd>"
            for name, value in row.items()
            if value not in (None, "", [], {})
        )
        self.say(f"<dl>{''.join(fields)}</dl>\n")

    def end(self, files: Sequence[Belonging]) -> None:
        """List what is not shown."""
        for table, count in self.counts.items():
            if count > SHOWN:
                self.say(
                    f"<p>{html.escape(_title(table))}: {SHOWN} of {count} are shown"
                    f" here; all are in data/{html.escape(table)}.jsonl.</p>\n"
                )
        if files:
            listed = "".join(
                f'<li><a href="files/{file.id}">{html.escape(file.name)}</a></li>'
                for file in files
            )
            self.say(f"<h2>Files</h2>\n<ul>{listed}</ul>\n")


class Dossiers:
    """Makes dossiers from the tables of a home, and from what lies beyond it."""

    def __init__(self, registry: Registry, beyond: Beyond) -> None:
        self._registry, self._beyond = registry, beyond
        self._gatherer = Gatherer(registry)

    async def write(
        self,
        target: IO[bytes],
        transaction: Transaction,
        disk: Disk,
        person: Person,
    ) -> Mapping[str, int]:
        """Write the dossier of a person; how many rows of each table are in it."""
        own, subject_id = own_rows(self._registry, person.subject), person.subject_id
        beyond = await self._beyond.rows(person)
        known = await known_by(transaction, own, subject_id)
        redactor = Redactor(known)
        others = await self._gatherer.others(transaction, subject_id, redactor)
        wanted = Gathering(subject_id, redactor, others)
        files = await files_of(transaction, subject_id)
        with (
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as out,
            SpooledTemporaryFile(IN_MEMORY) as kept,
        ):
            page = Page(kept)
            page.say(
                f"{HEAD}<h1>Your data</h1>\n<p>As of {now():%Y-%m-%d %H:%M} UTC.</p>"
            )
            rows = self._gatherer.rows(transaction, wanted)
            await _write_rows(out, page, chain(rows, beyond))
            page.end(files)
            _add_page(out, kept)
            for file in files:
                await copy_file(out, Part(f"files/{file.id}"), disk, file.storage_key)
        return page.counts


async def _write_rows(
    out: zipfile.ZipFile,
    page: Page,
    rows: AsyncIterator[Row],
) -> None:
    table, lines = "", None
    async for name, row in rows:
        if name != table or lines is None:
            if lines is not None:
                lines.close()
            table = name
            lines = out.open(f"data/{name}.jsonl", "w", force_zip64=True)
        lines.write(msgspec.json.encode(row) + b"\n")
        page.show(name, row)
    if lines is not None:
        lines.close()


async def chain(first: AsyncIterator[Row], then: Iterable[Row]) -> AsyncIterator[Row]:
    """The one, then the other."""
    async for row in first:
        yield row
    for row in then:
        yield row


def _add_page(out: zipfile.ZipFile, kept: IO[bytes]) -> None:
    kept.seek(0)
    with out.open("index.html", "w", force_zip64=True) as page:
        while chunk := kept.read(IN_MEMORY):
            page.write(chunk)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _words(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
