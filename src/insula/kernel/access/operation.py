"""Operations: the things a caller can do, each made by one function from one declaration."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import Problem


class Audience(StrEnum):
    """Whom an operation is for, which decides the host that it answers on."""

    tenant = "tenant"
    """The actors of a tenant, on the tenant's host."""
    visitor = "visitor"
    """Whoever comes to a tenant's host, signed in or not."""
    operator = "operator"
    """Operators, on the ``admin`` host."""
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


@dataclass(slots=True)
class Call:
    """What a caller asks of an operation, parsed and checked."""

    path: str
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    body: Any = None
    raw: bytes = b""
    version: int | None = None


@dataclass(slots=True)
class Reply:
    """What an operation answers; ``data`` is JSON already."""

    data: bytes = b"null"
    status: int = 200
    message: str = ""
    etag: str | None = None
    next_cursor: str | None = None
    per_page: int | None = None
    location: str | None = None
    meta: Mapping[str, object] | None = None


Run = Callable[[Context, Call], Awaitable[Reply]]


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
    """Content type of a body that is handed over as it is, instead of JSON."""
    body_limit: int | None = None
    precondition: Precondition = Precondition.none
    status: int = 200
    writes: bool = True
    answer: Callable[[], Mapping[str, Any]] = dict
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[type[Problem], ...] = ()
    paged: bool = False
