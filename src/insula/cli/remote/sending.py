"""Sending: one request to the server, again where that is safe, and its answer or problem."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
import msgspec

from insula.cli.remote.refusals import Exit, Refused, refusal
from insula.cli.remote.settings import Server

TRIES = 4
LONGEST_WAIT = 60.0
"""Seconds between two tries, however long a server asks for."""
AGAIN = frozenset({429, 502, 503, 504})
SECONDS = 60.0
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Question:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does it once."""
        return self.method == "GET" or "Idempotency-Key" in self.headers


class Line:
    """The line to one server, as one caller."""

    def __init__(
        self, server: Server, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self.server = server
        url, headers = _reached(server)
        if server.token:
            headers["authorization"] = f"Bearer {server.token}"
        self._http = httpx2.Client(
            base_url=url, headers=headers, timeout=SECONDS, transport=transport
        )

    def ask(self, question: Question) -> httpx2.Response:
        """The answer; a problem, or a server that is away, is raised."""
        answer = self._persist(question)
        if answer.is_success:
            return answer
        raise refusal(answer.status_code, _decoded(answer))

    def data(self, question: Question) -> Any:
        """What is in the envelope of an answer."""
        return envelope(self.ask(question))["data"]

    def pages(self, question: Question) -> Iterator[tuple[list[Any], bool]]:
        """The pages of a list one after the other, and whether there are more."""
        query = dict(question.query)
        while True:
            asked = Question(question.method, question.path, query, question.headers)
            said = envelope(self.ask(asked))
            cursor = said["meta"].get("pagination", {}).get("next_cursor")
            yield said["data"], cursor is not None
            if cursor is None:
                return
            query["cursor"] = cursor

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _persist(self, question: Question) -> httpx2.Response:
        for left in reversed(range(TRIES)):
            try:
                answer = self._send(question)
            except httpx2.HTTPError as error:
                if not (left and question.repeatable):
                    reason = str(error) or type(error).__name__
                    message = f"{self.server.url} cannot be reached: {reason}"
                    raise Refused(message, Exit.away) from None
                time.sleep(_pause(left, None))
                continue
            wait = answer.headers.get("retry-after")
            again = answer.status_code in AGAIN and wait is not None
            if not (again and left and question.repeatable):
                return answer
            time.sleep(_pause(left, wait))
        raise AssertionError("the last try returns or raises")

    def _send(self, question: Question) -> httpx2.Response:
        return self._http.request(
            question.method,
            question.path,
            params=dict(question.query),
            headers=dict(question.headers),
            content=question.body,
        )


def envelope(answer: httpx2.Response) -> dict[str, Any]:
    """The envelope of a success."""
    found = _decoded(answer)
    if not isinstance(found, dict) or "data" not in found:
        raise Refused("What answers there is not Insula.", Exit.unexpected)
    return found


def is_envelope(answer: httpx2.Response) -> bool:
    """Whether an answer is in our envelope, and not a file."""
    return str(answer.headers.get("content-type", "")).startswith(JSON)


def _decoded(answer: httpx2.Response) -> Any:
    try:
        return msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return None


def _pause(left: int, wait: str | None) -> float:
    if wait is not None and wait.isdigit():
        return min(float(wait), LONGEST_WAIT)
    return 0.2 * 2.0 ** (TRIES - left)


def _reached(server: Server) -> tuple[str, dict[str, str]]:
    """Where to connect, and how the tenant is said: by its host, or by its id."""
    if not server.tenant:
        return server.url, {}
    if _is_id(server.tenant):
        return server.url, {"x-tenant-id": server.tenant}
    parts = urlsplit(server.url)
    host = f"{server.tenant}.{parts.netloc}"
    if parts.hostname == "localhost":  # not every machine knows its subdomains
        return server.url, {"host": host}
    return parts._replace(netloc=host).geturl(), {}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
