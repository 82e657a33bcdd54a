"""Refusals: what ends a command, and with which exit code a program learns of it."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """How a command ended, for programs; documented, and stable."""

    done = 0
    unexpected = 1
    usage = 2
    not_found = 3
    denied = 4
    conflict = 5
    invalid = 6
    away = 7
    partial = 8
    quota = 9


STATUSES = {
    400: Exit.invalid,
    401: Exit.denied,
    402: Exit.quota,
    403: Exit.denied,
    404: Exit.not_found,
    409: Exit.conflict,
    412: Exit.conflict,
    413: Exit.invalid,
    415: Exit.invalid,
    422: Exit.invalid,
    428: Exit.conflict,
    429: Exit.quota,
    502: Exit.away,
    503: Exit.away,
    504: Exit.away,
}
NEXT = {
    Exit.denied: "Set INSULA_TOKEN to a key or token with the permission.",
    Exit.conflict: "Read it again, and decide anew.",
    Exit.away: "Try again later.",
}
"""What may help, where that can be said of all errors alike."""


class Refused(Exception):
    """The command cannot be done; ``document`` is the server's problem, if it has one."""

    def __init__(
        self,
        message: str,
        code: Exit = Exit.usage,
        document: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.document = code, document

    @property
    def lines(self) -> list[str]:
        """What is told to people: the problem, its fields, and what may help."""
        error = (self.document or {}).get("error") or {}
        said = [f"{self} {error.get('code', '')}".rstrip()]
        said += [f"  {it['field']}: {it['message']}" for it in error.get("details", ())]
        if hint := NEXT.get(self.code):
            said.append(hint)
        return said


def refusal(status: int, document: Any) -> Refused:
    """What an answer with a problem means."""
    code = STATUSES.get(status, Exit.unexpected)
    if not isinstance(document, dict) or not isinstance(document.get("error"), dict):
        return Refused(f"The server answered {status}.", code)
    return Refused(str(document["error"].get("message", status)), code, document)
