"""Tools: which operations a program may call, and what each of them is told.

A tool is an operation with the same name and the same rights. What is kept back has no
use there, or is for people alone: credentials, whatever asks for a fresh proof, files
and streams.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Raw

from insula.kernel.access.operation import Audience, Operation
from insula.kernel.services.mcp.errands import Errand, Misunderstood

LONGEST_NAME = 64
KEPT_BACK = (
    *("api_keys", "auth", "mcp", "oauth", "oauth_clients", "oauth_grants", "pages"),
    *("scim", "scim_tokens", "sessions", "support_accesses"),
)
"""Areas that hand out credentials, or are asked with others than the caller's."""
CREDENTIALS = ("auth", "login")
KEY, VERSION = "idempotency_key", "version"
SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
SAFE_KEY = re.compile(r"[!-~]{1,255}")
MOST_LISTED = 50
SAID = {
    "id": "Which one.",
    "dry_run": "`true` does everything and undoes it.",
    VERSION: "The version that you read; a change based on an older one is refused.",
    KEY: "A new random text for each thing to be done; sent again, it is done once.",
}
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Tool:
    """An operation as a program sees it."""

    name: str
    operation: Operation

    @property
    def area(self) -> str:
        """The app or the service that it belongs to."""
        return self.operation.name.partition(".")[0]

    @cached_property
    def described(self) -> Raw:
        """What ``tools/list`` says of it."""
        it = self.operation
        return Raw(
            _encode(
                {
                    "name": self.name,
                    "title": it.summary,
                    "description": _description(it),
                    "inputSchema": self.schema(),
                    "annotations": self.annotations(),
                }
            )
        )

    def errand(self, arguments: Mapping[str, Raw]) -> Errand:
        """The request that a call stands for; raises ``Misunderstood``."""
        it, left = self.operation, dict(arguments)
        path, headers = it.path, dict[bytes, bytes]()
        if "{id}" in path:
            path = path.replace("{id}", _matching("id", left, SAFE_ID))
        if VERSION in self._own and VERSION in left:
            headers[b"if-match"] = f'"{_version(left.pop(VERSION))}"'.encode()
        if KEY in self._own and KEY in left:
            headers[b"idempotency-key"] = _matching(KEY, left, SAFE_KEY).encode()
        body = b""
        if it.body is not None:
            headers[b"content-type"] = b"application/json"
            body = bytes(left.pop("body", Raw(b"{}")))
        unknown = sorted(left.keys() - self._questions.keys())
        if unknown:
            raise Misunderstood(f"There is no argument {unknown[0][:64]!r} here.")
        query = [(name, _scalar(name, it)) for name, it in left.items()]
        return Errand(it.method, path, urlencode(query).encode(), headers, body)

    @cached_property
    def _questions(self) -> Mapping[str, Mapping[str, Any]]:
        """The arguments that become parameters of the query, with their schemas."""
        found = {
            it.name: {**it.schema, "description": it.description}
            for it in self.operation.parameters
        }
        if self.operation.rehearsable:
            found["dry_run"] = {"type": "boolean", "description": SAID["dry_run"]}
        return found

    @cached_property
    def _own(self) -> Mapping[str, Mapping[str, Any]]:
        """The arguments that become parts of the path, or headers."""
        it, found = self.operation, dict[str, Mapping[str, Any]]()
        if "{id}" in it.path:
            found["id"] = {"type": "string", "description": SAID["id"]}
        if "{id}" in it.path and it.writes:
            found[VERSION] = {
                "type": "integer",
                "minimum": 1,
                "description": SAID[VERSION],
            }
        if it.writes:
            found[KEY] = {"type": "string", "maxLength": 255, "description": SAID[KEY]}
        return found

    def schema(self) -> dict[str, Any]:
        """A schema that stands for itself: what it refers to is within it."""
        body = self.operation.body
        found: dict[str, Any] = {"type": "object", "additionalProperties": False}
        properties = {**self._own, **self._questions}
        required = [name for name in properties if name == "id"]
        if body is not None:
            schema = body.model_json_schema()
            parts = schema.pop("$defs", None)
            properties["body"] = schema
            required.append("body")
            found |= {"$defs": parts} if parts else {}
        return {**found, "properties": properties, "required": required}

    def annotations(self) -> dict[str, Any]:
        """What a program may tell whoever it works for, before it calls the tool."""
        it = self.operation
        return {
            "title": it.summary,
            "readOnlyHint": not it.writes,
            "destructiveHint": it.writes and _destroys(it),
            "idempotentHint": not it.writes or it.method == "PUT",
            "openWorldHint": False,
        }


class Toolbox:
    """All tools of an installation, by name and in order."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        offered = sorted(filter(is_tool, operations), key=lambda it: it.name)
        self.tools = {
            name: Tool(name, it) for it in offered for name in (tool_name(it.name),)
        }


def is_tool(operation: Operation) -> bool:
    """Whether a program may have it at all."""
    it = operation
    plain = it.audience is Audience.tenant and it.content_type is None
    streams = it.upload or it.live or it.socket or it.raw_body is not None
    for_people = it.step_up or it.limit in CREDENTIALS
    area = it.name.partition(".")[0]
    kept_back = area in KEPT_BACK or it.deprecated is not None
    return plain and not streams and not for_people and not kept_back


def tool_name(name: str) -> str:
    """The operation's name in letters that every program takes, 64 of them at most."""
    plain = name.replace(".", "-")
    if len(plain) <= LONGEST_NAME:
        return plain
    digest = blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{plain[: LONGEST_NAME - 9]}-{digest}"


def _description(operation: Operation) -> str:
    said = [f"{operation.summary.rstrip('.')}."]
    if operation.paged:
        said.append("Answers one page; `cursor` is `next_cursor` of the page before.")
    if operation.permission is not None:
        said.append(f"Needs the permission {operation.permission}.")
    return " ".join(said)


def _destroys(operation: Operation) -> bool:
    """Whether something that was there may be gone, or different, afterwards."""
    return operation.name.rpartition(".")[2] not in ("create", "restore")


def _matching(name: str, given: dict[str, Raw], form: re.Pattern[str]) -> str:
    found = _decoded(name, given.pop(name, Raw(b"null")))
    if not isinstance(found, str) or not form.fullmatch(found):
        raise Misunderstood(f"The argument {name!r} is missing, or none that could be.")
    return found


def _version(raw: Raw) -> int:
    found = _decoded(VERSION, raw)
    if type(found) is not int or found < 1:
        raise Misunderstood(f"The argument {VERSION!r} is a number from 1 on.")
    return found


def _scalar(name: str, raw: Raw) -> str:
    """A value as it stands in a query."""
    found = _decoded(name, raw)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str | int | float):
        return str(found)
    raise Misunderstood(f"The argument {name!r} is one text, number or truth.")


def _decoded(name: str, raw: Raw) -> object:
    try:
        found: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Misunderstood(f"The argument {name!r} is not understood.") from None
    return found
