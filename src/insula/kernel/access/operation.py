"""Operations: the things a caller can do, each made by one function from one declaration."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import Problem
from insula.kernel.tenancy.tenant import Tenant


class Audience(StrEnum):
    """Whom an operation is for, which decides the host that it answers on."""

    tenant = "tenant"
    """The actors of a tenant, on the tenant's host."""
    visitor = "visitor"
    """Whoever comes to a tenant's host, signed in or not."""
    operator = "operator"
    """Operators, on the ``admin`` host."""
    portal = "portal"
    """A tenant's contacts, on the tenant's host."""
    gate = "gate"
    """Whoever comes to the ``admin`` host to sign in."""


class Precondition(StrEnum):
    """What the operation asks of ``If-Match``."""

    none = "none"
    required = "required"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter that an operation understands, for its documentation."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


LONGEST_AGENT = 255
"""Characters of a user agent that are kept: all that serious ones have."""


class NoChunks:
    """The chunks of a call that has none."""

    def __aiter__(self) -> "NoChunks":
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


@dataclass(slots=True)
class Call:
    """What a caller asks of an operation, parsed and checked.

    ``chunks`` is the body of an upload as it arrives. ``again`` asks once more, at any
    later time, who calls and whether they still may; live operations alone have it.
    """

    path: str
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    body: Any = None
    raw: bytes = b""
    version: int | None = None
    secure: bool = False
    """Whether it came over TLS."""
    authority: str = ""
    """The host that was asked, and its port if it is not the usual one."""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    chunks: AsyncIterator[bytes] = NoChunks()  # noqa: RUF009  # it has no state
    again: Callable[[], Awaitable[tuple[Tenant, Actor]]] | None = None

    @property
    def user_agent(self) -> str | None:
        """What the caller's program calls itself, as far as that is kept."""
        given = self.headers.get(b"user-agent")
        return None if given is None else given[:LONGEST_AGENT].decode("latin-1")


FARTHEST = 10_000
"""Rows that numbered pages reach; each page costs all rows that lie before it."""


@dataclass(slots=True)
class Reply:
    """What an operation answers; ``data`` is JSON already.

    With a ``content_type`` of its own, ``data`` is the whole body instead. A ``stream``
    takes its place: what goes wrong before its first chunk is answered as a problem,
    what goes wrong later cuts the connection, and it is closed when the caller leaves.
    """

    data: bytes = b"null"
    status: int = 200
    message: str = ""
    etag: str | None = None
    next_cursor: str | None = None
    per_page: int | None = None
    location: str | None = None
    meta: Mapping[str, object] | None = None
    stream: AsyncIterator[bytes] | None = None
    content_type: str | None = None
    headers: Sequence[tuple[bytes, bytes]] = ()
    page: int | None = None
    """Which of the numbered pages it is, of ``total`` rows."""
    total: int = 0


class HangUp(Exception):
    """Ends the stream of a live operation; a websocket is told the code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


Run = Callable[[Context, Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Since when something is not to be used any more, and when it ends."""

    since: date
    sunset: date
    successor: str | None = None
    """The path of what comes in its place."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Operation:
    """One thing a caller can do, and all that is known of it beforehand.

    ``path`` may hold one ``{id}``. ``permission`` is None only where the audience
    says who may call. ``answer`` is the JSON Schema of ``data``, made when asked.
    """

    name: str
    method: str
    path: str
    run: Run
    summary: str
    audience: Audience = Audience.tenant
    permission: str | None = None
    app: str | None = None
    body: type[BaseModel] | None = None
    raw_body: str | None = None
    """Content type of a body that is handed over as it is, instead of JSON.

    ``*/*`` takes any.
    """
    upload: bool = False
    """The body is handed over while it arrives, as ``Call.chunks``."""
    body_limit: int | None = None
    content_type: str | None = None
    """Content type of an answer without the envelope, for its documentation.

    Several stand beside each other with a comma and a space between them.
    """
    live: bool = False
    """It streams for as long as the caller listens, and is no request in flight."""
    socket: bool = False
    """It is a websocket; each chunk of its stream is a text message."""
    ticket: Callable[[str], str] | None = None
    """The token behind ``?ticket=``: browsers send no header where this is needed."""
    step_up: bool = False
    """Only for somebody who proved lately who they are, and is there themselves."""
    factorless: bool = False
    """Also for a session that lacks the second factor which its tenant asks for."""
    when_read_only: bool | None = None
    """Whether it writes while the tenant can only be read; else visitors' doing does,
    who come in, and what is ``factorless``."""
    limit: str | None = None
    """The class of the buckets that it is counted in; by its audience, if not said."""
    scoped: bool = False
    """A permission for some rows will do: the operation itself keeps to them."""
    feature: str | None = None
    """What the tenant's plan must have for it."""
    precondition: Precondition = Precondition.none
    status: int = 200
    also: tuple[int, ...] = ()
    """Other statuses with which it succeeds, for its documentation."""
    writes: bool = True
    answer: Callable[[], Mapping[str, Any]] = dict
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[type[Problem], ...] = ()
    paged: bool = False
    rehearsable: bool = False
    """With ``?dry_run=true`` it is done to the last check, and undone.

    All that it does must be done through the session it is given.
    """
    deprecated: Deprecation | None = None


def summary_of(run: Run) -> str:
    """What an operation is called whose function says it in its first line."""
    return (run.__doc__ or "").split("\n")[0].rstrip(".")
