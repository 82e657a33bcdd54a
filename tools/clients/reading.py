"""Reading: an OpenAPI document of ours as a tree of verbs with types.

A client acts for somebody, so it has what asks for a token, and no live streams: these
have clients of their own in every language.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.clients.types import Basic, Field, Shape, Type, Types

PREFIX = "/api/v1/"
JSON = "application/json"
STREAM = "text/event-stream"
ANYTHING = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Verb:
    """One operation, as a method of a client."""

    operation: str
    method: str
    path: str
    summary: str
    query: str | None
    """The name of the shape of its parameters."""
    asks: bool
    """Whether one of these must be given."""
    body: Type | None
    file: str | None
    """Content type of a body that is a file."""
    answer: Type | None
    """What it brings; None for the bytes of a file."""
    paged: bool
    keyed: bool

    @property
    def one(self) -> bool:
        """Whether it is about one row."""
        return "{id}" in self.path

    @property
    def versioned(self) -> bool:
        """Whether it can be based on a version."""
        return self.one and self.method != "GET"


@dataclass(slots=True)
class Branch:
    """A group of verbs, and further groups."""

    verbs: dict[str, Verb] = field(default_factory=dict)
    branches: dict[str, "Branch"] = field(default_factory=dict)

    def add(self, names: list[str], verb: Verb) -> None:
        """Hang a verb where its name says."""
        first, *rest = names
        if not rest:
            self.verbs[first] = verb
        else:
            self.branches.setdefault(first, Branch()).add(rest, verb)

    def settle(self) -> None:
        """Put all in order; verbs of a group that is called as a verb hang beside it."""
        for name in list(self.branches):
            branch = self.branches[name]
            branch.settle()
            if name in self.verbs:
                verbs = self.branches.pop(name).verbs.items()
                self.verbs.update({f"{name}_{key}": verb for key, verb in verbs})
        self.verbs = dict(sorted(self.verbs.items()))
        self.branches = dict(sorted(self.branches.items()))

    def walk(self, *names: str) -> Iterator[tuple[tuple[str, ...], "Branch"]]:
        """Every group with its names, the innermost first."""
        for name, branch in self.branches.items():
            yield from branch.walk(*names, name)
        yield names, self


@dataclass(frozen=True, slots=True)
class Api:
    """All that a client has: verbs in a tree, and the shapes they speak of."""

    root: Branch
    shapes: Mapping[str, Shape]


def read(document: Mapping[str, Any]) -> Api:
    """What a document offers to callers with a token."""
    types, root = Types(document["components"]["schemas"]), Branch()
    said = [
        (it["operationId"], method.upper(), path, it)
        for path, methods in document["paths"].items()
        for method, it in methods.items()
        if path.startswith(PREFIX) and it["security"] and not _live(it)
    ]
    for operation, method, path, it in sorted(said, key=lambda each: each[0]):
        verb = _verb(operation, method, path, it, types)
        root.add(_names(operation, method), verb)
    root.settle()
    return Api(root, dict(sorted(types.shapes.items())))


def _verb(
    operation: str, method: str, path: str, said: Mapping[str, Any], types: Types
) -> Verb:
    title = "".join(it.capitalize() for it in re.split(r"[._-]", operation))
    kinds = said.get("requestBody", {}).get("content", {})
    body = kinds.get(JSON, {}).get("schema")
    asked = [it for it in said["parameters"] if it["in"] == "query"]
    headers = {it["name"] for it in said["parameters"] if it["in"] == "header"}
    data = _data(said)
    return Verb(
        operation,
        method,
        path,
        said["summary"],
        _query(asked, title, types),
        any(it.get("required") for it in asked),
        None if body is None else types.of(body, title),
        None if body is not None else _file(kinds),
        None if data is None else types.of(data, f"{title}Data"),
        method == "GET" and any(it["name"] == "cursor" for it in asked),
        "Idempotency-Key" in headers,
    )


def _query(asked: list[Mapping[str, Any]], title: str, types: Types) -> str | None:
    if not asked:
        return None
    fields = tuple(
        Field(it["name"], types.of(it["schema"], title), bool(it.get("required")))
        for it in sorted(asked, key=lambda each: str(each["name"]))
    )
    if fields == (Field("dry_run", Basic("boolean"), required=False),):
        return types.add("DryRun", Shape(fields)).name
    return types.add(f"{title}Query", Shape(fields)).name


def _file(kinds: Mapping[str, Any]) -> str | None:
    kind = next(iter(kinds), None)
    return ANYTHING if kind == "*/*" else kind


def _data(said: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of what a success brings in the envelope."""
    kinds = next(
        it["content"] for status, it in said["responses"].items() if status < "300"
    )
    schema = kinds.get(JSON, {}).get("schema", {})
    found: Mapping[str, Any] | None = schema.get("properties", {}).get("data")
    return found


def _live(said: Mapping[str, Any]) -> bool:
    kinds = said["responses"].get("200", {}).get("content", {})
    return "101" in said["responses"] or STREAM in kinds


def _names(operation: str, method: str) -> list[str]:
    names = operation.replace("-", "_").split(".")
    if names[-1] == "read" and method == "GET":
        names[-1] = "get"
    return names
