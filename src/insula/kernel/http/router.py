"""The router: from a method and a path to the operation, in a few dictionary look-ups."""

from collections.abc import Iterable
from typing import NamedTuple

from insula.kernel.access.operation import Operation
from insula.kernel.foundation.errors import MethodNotAllowed, NotFound


class WrongMethod(MethodNotAllowed):
    """This address answers to {allowed}, not to {method}."""


class Match(NamedTuple):
    """An operation, and what stands in its path for ``{id}``."""

    operation: Operation
    key: str


class Node:
    """One part of all paths that begin alike."""

    __slots__ = ("children", "methods", "wildcard")

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}
        self.wildcard: Node | None = None
        self.methods: dict[str, Operation] = {}


class Router:
    """All operations of one kind of host, as a tree of path parts."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = Node()
        self._plain: dict[str, dict[str, Operation]] = {}
        for operation in operations:
            self._add(operation)

    def _add(self, operation: Operation) -> None:
        node = self._root
        for part in operation.path.split("/"):
            if part == "{id}":
                node.wildcard = node = node.wildcard or Node()
            else:
                node = node.children.setdefault(part, Node())
        if operation.method in node.methods:
            raise ValueError(f"{operation.method} {operation.path} is declared twice")
        node.methods[operation.method] = operation
        if "{" not in operation.path:
            self._plain[operation.path] = node.methods

    def match(self, method: str, path: str) -> Match:
        """The operation at a path; raises ``NotFound`` or ``WrongMethod``."""
        methods, key = self._plain.get(path), ""
        if methods is None:
            methods, key = self._walk(path)
        operation = methods.get("GET" if method == "HEAD" else method)
        if operation is None:
            raise WrongMethod(method=method, allowed=", ".join(sorted(methods)))
        return Match(operation, key)

    def knows(self, method: str, path: str) -> bool:
        """Whether there is an operation of that method at a path."""
        try:
            self.match(method, path)
        except (NotFound, WrongMethod):
            return False
        return True

    def _walk(self, path: str) -> tuple[dict[str, Operation], str]:
        node, key = self._root, ""
        for part in path.split("/"):
            child = node.children.get(part)
            if child is None:
                if node.wildcard is None or key or not part:
                    raise NotFound
                child, key = node.wildcard, part
            node = child
        if not node.methods:
            raise NotFound
        return node.methods, key
