"""The operators' log, as they read it on the ``admin`` host (S1-95)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from insula.kernel.access.context import Context
from insula.kernel.access.operation import (
    Audience,
    Call,
    Operation,
    Parameter,
    Reply,
)
from insula.kernel.events.audit.chain import id_at
from insula.kernel.foundation.errors import BadRequest, NotFound
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.words import Words
from insula.kernel.tenancy.control import Control

PER_PAGE, MOST_PER_PAGE = 15, 100
ROUND = timedelta(hours=1)
"""By how much an id and the time of its row may differ at the very most."""
PATH = "/api/v1/audit-logs"
REF = "#/components/schemas/{model}"


class BadLogQuery(BadRequest):
    """The query is not understood: {reason}."""

    code = "INVALID_QUERY"


@dataclass(frozen=True, slots=True)
class LogView:
    """What was done by an operator, or to a tenant as a whole."""

    id: UUID
    created_at: datetime
    tenant_id: UUID | None
    admin_id: UUID | None
    action: str
    resource_type: str | None
    resource_id: str | None
    changes: dict[str, Any]
    ip_address: str | None
    user_agent: str | None


COLUMNS = ", ".join(
    "host(ip_address) AS ip_address" if it.name == "ip_address" else it.name
    for it in fields(LogView)
)


@dataclass(frozen=True, slots=True)
class Filter:
    """One query parameter: what it may be, what it compares, and the ids it bounds."""

    description: str
    kind: Any
    condition: str
    bound: Callable[[Any], UUID] | None = None
    bounding: str = ""


def _bound(moment: datetime, *, by: timedelta) -> UUID:
    return id_at(moment + by)


FILTERS: Mapping[str, Filter] = {
    "tenant_id": Filter("Only what was done to this tenant.", UUID, "tenant_id = {}"),
    "admin_id": Filter("Only what this operator did.", UUID, "admin_id = {}"),
    "action": Filter("Only this action.", str, "action = {}"),
    "since": Filter(
        "Only what was done then or later.",
        AwareDatetime,
        "created_at >= {}",
        partial(_bound, by=-ROUND),
        "id >= {}",
    ),
    "until": Filter(
        "Only what was done before.",
        AwareDatetime,
        "created_at < {}",
        partial(_bound, by=ROUND),
        "id < {}",
    ),
}
ADAPTERS = {name: TypeAdapter(it.kind) for name, it in FILTERS.items()}
SIZE = {"type": "integer", "minimum": 1, "maximum": MOST_PER_PAGE}
PARAMETERS = (
    *(
        Parameter(name, it.description, ADAPTERS[name].json_schema())
        for name, it in FILTERS.items()
    ),
    Parameter("per_page", "Rows a page.", {**SIZE, "default": PER_PAGE}),
    Parameter("cursor", "Where the page starts: `meta.pagination.next_cursor`."),
)


class OperatorLog:
    """Reads what operators did, the newest first."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def list(self, _: Context, call: Call) -> Reply:
        """One page of what operators did, the newest first."""
        conditions, values = _asked(call.query)
        per_page = _per_page(call.query)
        where = " AND ".join(conditions) or "true"
        rows = await self._control.fetch(
            f"SELECT {COLUMNS} FROM control.audit_logs WHERE {where}"  # noqa: S608  # our own fragments
            f" ORDER BY id DESC LIMIT {per_page + 1}",
            *values,
        )
        page = rows[:per_page]
        cursor = str(page[-1]["id"]) if len(rows) > per_page else None
        data = msgspec.json.encode([_item(row) for row in page])
        return Reply(data, per_page=per_page, next_cursor=cursor)

    async def read(self, _: Context, call: Call) -> Reply:
        """One thing that an operator did."""
        text = f"SELECT {COLUMNS} FROM control.audit_logs WHERE id = $1"  # noqa: S608  # our names
        key = parse_uuid(call.key)
        rows = [] if key is None else await self._control.fetch(text, key)
        if not rows:
            raise NotFound
        return Reply(msgspec.json.encode(_item(rows[0])))

    def operations(self) -> tuple[Operation, ...]:
        """Both of them, declared."""
        common: Mapping[str, Any] = {
            "method": "GET",
            "audience": Audience.operator,
            "permission": "audit_logs.read",
            "writes": False,
        }
        return (
            Operation(
                name="audit_logs.list",
                path=PATH,
                run=self.list,
                summary="List what operators did",
                paged=True,
                parameters=PARAMETERS,
                answer=_many_schema,
                errors=(BadLogQuery,),
                **common,
            ),
            Operation(
                name="audit_logs.read",
                path=f"{PATH}/{{id}}",
                run=self.read,
                summary="Read one thing that an operator did",
                answer=_schema,
                errors=(NotFound,),
                **common,
            ),
        )


def _asked(query: Mapping[str, str]) -> tuple[list[str], list[object]]:
    """The conditions of a query, with their values; raises ``BadLogQuery``."""
    known = {it.name for it in PARAMETERS}
    if unknown := query.keys() - known:
        raise BadLogQuery(
            reason=Words("there is no parameter '{name}'", name=min(unknown)[:80])
        )
    conditions: list[str] = []
    values: list[object] = []

    def add(condition: str, value: object) -> None:
        values.append(value)
        conditions.append(condition.format(f"${len(values)}"))

    for name, one in FILTERS.items():
        if name not in query:
            continue
        value = _value(name, query[name])
        add(one.condition, value)
        if one.bound is not None:
            add(one.bounding, one.bound(value))
    if (cursor := query.get("cursor")) is not None:
        add("id < {}", _cursor(cursor))
    return conditions, values


def _value(name: str, text: str) -> Any:
    try:
        return ADAPTERS[name].validate_strings(text.replace("\x00", ""))
    except ValidationError:
        raise BadLogQuery(
            reason=Words("'{name}' has another kind of value", name=name)
        ) from None


def _cursor(text: str) -> UUID:
    found = parse_uuid(text)
    if found is None:
        raise BadLogQuery(reason=Words("the cursor is damaged"))
    return found


def _per_page(query: Mapping[str, str]) -> int:
    text = query.get("per_page", str(PER_PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text)):
        raise BadLogQuery(
            reason=Words("per_page is a number from 1 to {most}", most=MOST_PER_PAGE)
        )
    return min(int(text), MOST_PER_PAGE)


def _item(row: Any) -> dict[str, Any]:
    return {"type": "audit_log", **row}


def _schema() -> dict[str, Any]:
    adapter = TypeAdapter(LogView)
    schema = adapter.json_schema(mode="serialization", ref_template=REF)
    schema["title"] = "AuditLog"
    schema["properties"]["type"] = {"const": "audit_log"}
    schema["required"] = ["type", *schema["required"]]
    return {**schema, "additionalProperties": False}


def _many_schema() -> Mapping[str, Any]:
    return {"type": "array", "items": _schema()}
