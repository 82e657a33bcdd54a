"""Exports: a log with its chain as a file of JSON lines, to be verified anywhere."""

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

import msgspec

from insula.kernel.events.audit.chain import FORMAT, Entry, Link
from insula.kernel.events.audit.verifying import Fault, Verification
from insula.kernel.foundation.errors import Invalid


class NotAnExport(Invalid):
    """The file is no whole export of an audit log: {reason}."""

    code = "audit.not_an_export"


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: whose log it is, and what was known of it elsewhere."""

    format: str = FORMAT
    tenant_id: UUID
    expired_before: UUID
    heads: Mapping[int, bytes]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: exactly one of these."""

    heading: Heading | None = None
    entry: Entry | None = None
    link: Link | None = None
    lines: int | None = None
    """The last line: how many there were before it."""


def line(written: Line) -> bytes:
    """A line of the file."""
    return msgspec.json.encode(written) + b"\n"


def item_line(item: Entry | Link) -> bytes:
    """The line of an entry or a link."""
    return line(Line(entry=item) if isinstance(item, Entry) else Line(link=item))


class Reader:
    """Verifies a file while it is read; ``verification`` is there from the first line."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        """Take the lines of a file; raises ``NotAnExport`` if the first is none."""
        self._lines = (_parsed(text) for text in lines)
        heading = next(self._lines, Line()).heading
        if heading is None or heading.format != FORMAT:
            raise NotAnExport(reason=f"its first line is no heading of {FORMAT}")
        self.heading = heading
        self.verification = Verification(heading.heads, heading.expired_before)

    def faults(self) -> Iterator[Fault]:
        """Everything that is wrong; raises ``NotAnExport`` if the file is cut short."""
        seen = 1
        for found in self._lines:
            if found.lines is not None:
                if found.lines != seen:
                    raise NotAnExport(reason="it lacks lines")
                yield from self.verification.finish()
                return
            item = found.entry or found.link
            if item is None or item.tenant_id != self.heading.tenant_id:
                raise NotAnExport(reason=f"line {seen + 1} does not belong there")
            seen += 1
            yield from self.verification.take(item)
        raise NotAnExport(reason="it has no last line")


def _parsed(text: bytes) -> Line:
    try:
        return msgspec.json.decode(text, type=Line)
    except msgspec.DecodeError as error:
        raise NotAnExport(reason=str(error)) from None
