"""Exchanges: what is sent, what an answer means, and whether to try once more.

Nothing here speaks to the network, so that both kinds of clients share all of it.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from insula_client.errors import refusal

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LATER = frozenset({502, 503, 504})
"""Statuses after which an equal request may find the server well again."""
IN_FLIGHT = "IDEMPOTENCY_IN_FLIGHT"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often something is tried, and how long it is waited for between two tries."""

    attempts: int = 4
    first: float = 0.5
    longest: float = 30.0
    """Seconds; who is told to wait for longer is told of it instead."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing to ask of the server.

    ``keyed`` operations are done once, however often they are sent with one key.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    content: bytes | None = None
    content_type: str | None = None
    version: int | None = None
    keyed: bool = False
    key: str | None = None

    def headers(self) -> dict[str, str]:
        """The headers that are the same at each try."""
        found: dict[str, str] = {}
        if self.body is not None:
            found["content-type"] = JSON
        elif self.content_type is not None:
            found["content-type"] = self.content_type
        if self.version is not None:
            found["if-match"] = f'"{self.version}"'
        if self.keyed:
            found["idempotency-key"] = self.key or str(uuid4())
        return found

    def parameters(self) -> dict[str, str]:
        """The query; what is ``None`` is not asked for."""
        given = self.query.items()
        return {name: _text(it) for name, it in given if it is not None}

    def payload(self) -> bytes | None:
        """The body to the last byte."""
        if self.body is None:
            return self.content
        return json.dumps(self.body, separators=(",", ":")).encode()

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.keyed or self.method in SAFE


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that has arrived whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def decoded(self) -> Any:
        """The JSON of the answer, or None where it is something else."""
        if not self.headers.get("content-type", "").startswith(JSON):
            return None
        try:
            return json.loads(self.content)
        except ValueError:
            return None

    def checked(self) -> "Answered":
        """Itself, or the error that it tells."""
        if self.status >= 400:
            raise refusal(self.status, self.decoded())
        return self

    def envelope(self) -> Any:
        """The envelope of a success."""
        found = self.checked().decoded()
        if not isinstance(found, dict) or "data" not in found:
            raise refusal(self.status, None)
        return found


def pause(
    asked: Asked, attempt: int, answered: Answered | None, patience: Patience
) -> float | None:
    """Seconds after which to try again; None if this is how it ends."""
    if attempt >= patience.attempts:
        return None
    if answered is None:
        return _backed_off(attempt, patience) if asked.repeatable else None
    if not _passes(asked, answered):
        return None
    told = answered.headers.get("retry-after", "")
    if not told.isdigit():
        return _backed_off(attempt, patience)
    return float(told) if float(told) <= patience.longest else None


def _passes(asked: Asked, answered: Answered) -> bool:
    """Whether what stands in the way goes by itself; a limit refuses before all else."""
    if answered.status == 429:
        return True
    if answered.status == 409:
        return _code(answered) == IN_FLIGHT
    return answered.status in LATER and asked.repeatable


def _code(answered: Answered) -> str:
    return refusal(answered.status, answered.decoded()).code


def _backed_off(attempt: int, patience: Patience) -> float:
    longest = min(patience.longest, patience.first * 2.0 ** (attempt - 1))
    return longest * random.uniform(0.5, 1)  # noqa: S311  # spreads callers, hides nothing


def segment(value: object) -> str:
    """A value as a part of a path, which cannot lead out of its place."""
    text = str(value)
    if text in ("", ".", ".."):
        raise ValueError("This is no id.")
    return quote(text, safe="")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(map(_text, value))
    return str(value)
