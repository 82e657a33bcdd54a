"""Calling: from what was said on the command line to a request, and to what is shown."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
import typer

from insula.cli.remote import values
from insula.cli.remote.offer import Verb
from insula.cli.remote.refusals import Exit, Refused
from insula.cli.remote.sending import Line, Question, envelope, is_envelope
from insula.cli.remote.showing import Shown, note

USUAL, PAGE = 50, 100
"""Rows that are shown unless more are wanted; rows that a page may have."""


@dataclass(slots=True)
class Said:
    """What the command line says, apart from its names."""

    key: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    file: Path | None = None
    out: Path | None = None
    limit: int = USUAL
    every: bool = False
    version: int | None = None
    idempotency_key: str | None = None
    yes: bool = False


class Call:
    """One command: a verb, and what was said with it."""

    def __init__(self, verb: Verb, said: Said, shown: Shown) -> None:
        self._verb, self._said, self._shown = verb, said, shown

    def perform(self, line: Line) -> None:
        """Do it, and show what came of it."""
        verb, said = self._verb, self._said
        self._confirm()
        if verb.paged and "page" not in said.query:
            columns = _columns(said.query.get("fields"))
            self._shown.many(self._pages(line), columns)
            return
        answer = line.ask(self.question())
        if not is_envelope(answer):
            self._save(answer.content)
            return
        found = envelope(answer)["data"]
        if isinstance(found, list):
            self._shown.many([found], _columns(said.query.get("fields")))
        else:
            self._shown.one(found)
        if _partial(found):
            raise Refused("Some rows failed.", Exit.partial)

    def question(self) -> Question:
        """The request."""
        verb, said = self._verb, self._said
        path = verb.path
        if "{id}" in path:
            path = path.replace("{id}", quote(said.key or "", safe=""))
        body = self._body()
        headers = dict(self._headers())
        if body is not None:
            headers["Content-Type"] = verb.file_type or "application/json"
            if headers["Content-Type"] == "*/*":
                headers["Content-Type"] = "application/octet-stream"
        return Question(verb.method, path, said.query, headers, body)

    def _headers(self) -> Iterator[tuple[str, str]]:
        verb, said = self._verb, self._said
        if verb.has("Idempotency-Key"):
            yield "Idempotency-Key", said.idempotency_key or str(uuid4())
        if said.version is not None:
            yield "If-Match", f'"{said.version}"'
        elif verb.has("If-Match"):
            yield "If-Match", "*"

    def _body(self) -> bytes | None:
        verb, said = self._verb, self._said
        if verb.takes_json:
            return msgspec.json.encode(said.body)
        if verb.file_type is None:
            return None
        try:
            return sys.stdin.buffer.read() if said.file is None else _read(said.file)
        except OSError as error:
            raise Refused(f"{said.file} cannot be read: {error.strerror}") from None

    def _confirm(self) -> None:
        if self._said.yes or not self._verb.destroys or "dry_run" in self._said.query:
            return
        if not sys.stdin.isatty():
            raise Refused("This takes something away: say --yes.")
        typer.confirm(f"{self._verb.summary}?", abort=True, err=True)

    def _pages(self, line: Line) -> Iterator[list[Any]]:
        """Pages, until there are as many rows as are wanted."""
        said, left = self._said, self._said.limit
        size = PAGE if said.every else max(1, min(PAGE, left))
        query = {"per_page": str(size), **said.query}
        path = self._verb.path.replace("{id}", quote(said.key or "", safe=""))
        for page, more in line.pages(Question("GET", path, query)):
            if said.every:
                yield page
                continue
            yield page[:left]
            left -= len(page)
            if left <= 0:
                if more or left < 0:
                    note("There are more: --limit N, or --all.")
                return

    def _save(self, content: bytes) -> None:
        if self._said.out is not None:
            self._said.out.write_bytes(content)
            return
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _read(file: Path) -> bytes:
    return file.read_bytes()


def _columns(fields: str | None) -> Sequence[str]:
    return [] if fields is None else [it.strip() for it in fields.split(",") if it]


def _partial(found: Any) -> bool:
    """Whether a run of many rows has ended, and not for all of them."""
    if not isinstance(found, Mapping):
        return False
    return bool(found.get("failed")) and "total" in found and "done" in found


def body_of(verb: Verb, options: Mapping[str, Any], sets: Sequence[str]) -> Any:
    """The body, as options of its fields and ``--set`` say it."""
    found: dict[str, Any] = {}
    for name, said in options.items():
        schema = verb.fields[name]
        if isinstance(said, list):
            found[name] = values.listed(said, schema, verb)
        else:
            found[name] = values.value(said, schema, verb)
    return {**found, **values.pairs(sets, verb)}
