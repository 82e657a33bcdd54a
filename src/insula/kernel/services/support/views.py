"""What goes over the wire about support accesses, on both hosts."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from insula.kernel.access.operation import Call, Parameter, Reply
from insula.kernel.foundation.errors import BadRequest, NotFound
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.words import Words
from insula.kernel.services.support.access import AccessView
from insula.kernel.services.support.desk import Entered
from insula.kernel.services.support.models import (
    LEAST_HOURS,
    MOST_HOURS,
    Kind,
    Scope,
)

PER_PAGE, MOST_PER_PAGE = 15, 100
REF = "#/components/schemas/{model}"
STRICT = ConfigDict(extra="forbid", strict=True)


class AskForAccess(BaseModel):
    """Which tenant an operator wants to enter, why, for how long, and to do what."""

    model_config = STRICT
    tenant_id: Annotated[UUID, Field(strict=False)]
    reason: str = Field(min_length=5, max_length=500)
    hours: int = Field(ge=LEAST_HOURS, le=MOST_HOURS)
    kind: Kind = Field(default=Kind.consent, strict=False)
    scope: Scope = Field(default=Scope.read, strict=False)


class Approval(BaseModel):
    """How far the operator may go: never further than was asked."""

    model_config = STRICT
    scope: Scope | None = Field(default=None, strict=False)


class BadSupportQuery(BadRequest):
    """The query is not understood: {reason}."""

    code = "INVALID_QUERY"


PAGING = (
    Parameter(
        "per_page",
        f"Accesses a page, {MOST_PER_PAGE} at most.",
        {"type": "integer", "minimum": 1},
    ),
    Parameter("cursor", "Where the page starts: `meta.pagination.next_cursor`."),
)
OF_TENANT = Parameter(
    "tenant_id", "Only accesses to this tenant.", {"type": "string", "format": "uuid"}
)


def asked(query: Mapping[str, str], *more: str) -> tuple[int, UUID | None]:
    """How many, and after which; raises ``BadSupportQuery``."""
    known = {*(it.name for it in PAGING), *more}
    if unknown := query.keys() - known:
        raise BadSupportQuery(
            reason=Words("there is no parameter '{name}'", name=min(unknown)[:80])
        )
    text = query.get("per_page", str(PER_PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text)):
        raise BadSupportQuery(
            reason=Words("per_page is a number from 1 to {most}", most=MOST_PER_PAGE)
        )
    return min(int(text), MOST_PER_PAGE), given_id(query, "cursor")


def given_id(query: Mapping[str, str], name: str) -> UUID | None:
    """An id of the query, if it is there; raises ``BadSupportQuery``."""
    text = query.get(name)
    found = None if text is None else parse_uuid(text)
    if text is not None and found is None:
        raise BadSupportQuery(reason=Words("'{name}' is no id", name=name))
    return found


def key_of(call: Call) -> UUID:
    """The id in the path; raises ``NotFound``."""
    found = parse_uuid(call.key)
    if found is None:
        raise NotFound
    return found


def shown(view: AccessView, **more: Any) -> Reply:
    """One access."""
    return Reply(msgspec.json.encode(_item(view)), **more)


def page(found: list[AccessView], limit: int) -> Reply:
    """A page of accesses; ``found`` has one more if there is another page."""
    kept = found[:limit]
    cursor = str(kept[-1].id) if len(found) > limit else None
    data = msgspec.json.encode([_item(it) for it in kept])
    return Reply(data, per_page=limit, next_cursor=cursor)


def _item(view: AccessView) -> dict[str, Any]:
    return {"type": "support_access", **msgspec.to_builtins(view)}


def schema() -> dict[str, Any]:
    """What an access looks like."""
    found = TypeAdapter(AccessView).json_schema(mode="serialization", ref_template=REF)
    found["title"] = "SupportAccess"
    found["properties"]["type"] = {"const": "support_access"}
    found["required"] = ["type", *found["required"]]
    return {**found, "additionalProperties": False}


def many() -> dict[str, Any]:
    """What a page of accesses looks like."""
    items = schema()
    parts = items.pop("$defs", {})
    return {"type": "array", "items": items, "$defs": parts}


def entered_schema() -> dict[str, Any]:
    """What somebody gets who comes in."""
    return TypeAdapter(Entered).json_schema(mode="serialization", ref_template=REF)
