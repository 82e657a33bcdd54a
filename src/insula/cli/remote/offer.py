"""The offer: what a server can do, read from its OpenAPI document, as a tree of verbs."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from insula.cli.remote.sending import Line, Question

FRESH = 600.0
"""Seconds for which a document is believed without asking; unknown names ask anew."""
ADDRESS = "/openapi.json"
PREFIX = "/api/v1/"
JSON = "application/json"
STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Verb:
    """One operation of the server, as a command has it."""

    name: str
    method: str
    path: str
    said: Mapping[str, Any]
    schemas: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """What it does."""
        return str(self.said.get("summary", self.name))

    def parameters(self, place: str) -> Iterator[Mapping[str, Any]]:
        """Its parameters in the query, in headers or in the path."""
        return (it for it in self.said["parameters"] if it["in"] == place)

    def has(self, name: str) -> bool:
        """Whether it has a parameter of that name."""
        return any(it["name"] == name for it in self.said["parameters"])

    @property
    def file_type(self) -> str | None:
        """The content type of a body that is a file."""
        kinds = self._body()
        return None if JSON in kinds else next(iter(kinds), None)

    @property
    def fields(self) -> Mapping[str, Mapping[str, Any]]:
        """The fields of its body."""
        schema = self._body().get(JSON, {}).get("schema", {})
        found: Mapping[str, Any] = self.resolve(schema).get("properties", {})
        return {name: self.resolve(it) for name, it in found.items()}

    @property
    def takes_json(self) -> bool:
        """Whether it has a body of JSON."""
        return JSON in self._body()

    @property
    def paged(self) -> bool:
        """Whether it is a list that goes on with a cursor."""
        kinds = self.said["responses"].get("200", {}).get("content", {})
        return self.method == "GET" and self.has("cursor") and JSON in kinds

    @property
    def destroys(self) -> bool:
        """Whether people are asked before it is done."""
        last = self.name.rpartition(".")[2]
        return self.method == "DELETE" or last in ("empty_trash", "purge")

    def resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema that a reference means."""
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def _body(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.said.get("requestBody", {}).get("content", {})
        return found


@dataclass(slots=True)
class Branch:
    """A group of commands: verbs, and further groups."""

    verbs: dict[str, Verb] = field(default_factory=dict)
    branches: dict[str, "Branch"] = field(default_factory=dict)

    def add(self, names: list[str], verb: Verb) -> None:
        """Hang a verb where its name says."""
        first, *rest = names
        if not rest:
            self.verbs[first] = verb
        else:
            self.branches.setdefault(first, Branch()).add(rest, verb)

    def flatten(self) -> None:
        """Where a verb is called as a group, the group's verbs hang beside it."""
        for name in list(self.branches):
            branch = self.branches[name]
            branch.flatten()
            if name in self.verbs and not branch.branches:
                verbs = self.branches.pop(name).verbs.items()
                self.verbs.update({f"{name}-{key}": verb for key, verb in verbs})


class Offer:
    """What one server can do for callers of a tenant."""

    def __init__(self, line: Line, folder: Path) -> None:
        self._line = line
        server = line.server
        known = f"{server.url} {server.tenant or ''}".encode()
        self._file = folder / f"{sha256(known).hexdigest()[:24]}.json"

    @cached_property
    def root(self) -> Branch:
        """The tree of everything that can be asked for."""
        root = Branch()
        document = self._document()
        schemas = document["components"]["schemas"]
        for path, methods in document["paths"].items():
            for method, said in methods.items():
                if path.startswith(PREFIX) and said["security"] and not _live(said):
                    name = said["operationId"]
                    verb = Verb(name, method.upper(), path, said, schemas)
                    root.add(_names(verb), verb)
        root.flatten()
        return root

    def refresh(self) -> None:
        """Ask the server anew when it is next needed."""
        self._file.unlink(missing_ok=True)
        self.__dict__.pop("root", None)

    def _document(self) -> Any:
        try:
            if time.time() - self._file.stat().st_mtime < FRESH:
                return msgspec.json.decode(self._file.read_bytes())
        except (OSError, msgspec.DecodeError):
            pass
        content = self._line.ask(Question("GET", ADDRESS)).content
        found = msgspec.json.decode(content)
        self._keep(content)
        return found

    def _keep(self, content: bytes) -> None:
        """Write it down for next time; without a place for it, it is asked for again."""
        part = self._file.with_suffix(".part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part.write_bytes(content)
            part.replace(self._file)
        except OSError:
            return


def _live(said: Mapping[str, Any]) -> bool:
    """Whether it has no end that a command could wait for."""
    kinds = said["responses"].get("200", {}).get("content", {})
    return "101" in said["responses"] or STREAM in kinds


def _names(verb: Verb) -> list[str]:
    names = verb.name.replace("_", "-").split(".")
    if names[-1] == "read" and verb.method == "GET":
        names[-1] = "get"
    return names
