"""What operators do with one another, as operations of the ``admin`` host (S1-96)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter

from insula.kernel.access.context import Context
from insula.kernel.access.operation import (
    Audience,
    Call,
    Operation,
    Parameter,
    Precondition,
    Reply,
    summary_of,
)
from insula.kernel.foundation.errors import (
    BadRequest,
    Conflict,
    Invalid,
    NotFound,
    Stale,
)
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.words import Words
from insula.kernel.identity.operator_rows import OperatorSessionView, OperatorView
from insula.kernel.identity.operators import (
    BeyondYourself,
    LastFullOperator,
    Operators,
)

MANY, ONE = "/api/v1/operators", "/api/v1/operators/{id}"
PER_PAGE, MOST_PER_PAGE = 15, 100
REF = "#/components/schemas/{model}"
STRICT = ConfigDict(extra="forbid", strict=True)
Permission = Annotated[
    str,
    Field(
        max_length=100,
        pattern=r"^(\*|([a-z][a-z_]*|\*)(\.([a-z][a-z_]*|\*))+)$",
        examples=["tenants.read"],
    ),
]
Permissions = Annotated[list[Permission], Field(max_length=100)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=256)]
Run = Callable[[Context, Call], Awaitable[Reply]]


class OperatorCreate(BaseModel):
    """An operator to be made, with the password of their first sign-in."""

    model_config = STRICT
    email: str = Field(min_length=3, max_length=255, examples=["grace@insula.test"])
    name: str = Field(default="", max_length=255)
    password: Password
    permissions: Permissions


class OperatorChange(BaseModel):
    """What is to be different; the rest stays."""

    model_config = STRICT
    name: str | None = Field(default=None, max_length=255)
    permissions: Permissions | None = None
    version: int | None = Field(default=None, ge=1)


class OperatorPassword(BaseModel):
    """Another password."""

    model_config = STRICT
    password: Password


class EndSessions(BaseModel):
    """Which session to end; without one, all."""

    model_config = STRICT
    session_id: Annotated[UUID | None, Field(strict=False)] = None


class BadOperatorQuery(BadRequest):
    """The query is not understood: {reason}."""

    code = "INVALID_QUERY"


PARAMETERS = (
    Parameter(
        "per_page",
        "Operators a page.",
        {"type": "integer", "minimum": 1, "maximum": MOST_PER_PAGE},
    ),
    Parameter("cursor", "Where the page starts: `meta.pagination.next_cursor`."),
)


class OperatorOperations:
    """Lists, makes and changes operators; each is read back after the deed."""

    def __init__(self, operators: Operators) -> None:
        self._operators = operators

    async def list(self, _: Context, call: Call) -> Reply:
        """All operators, in the order in which they came."""
        limit, after = _asked(call.query)
        found = await self._operators.page(after, limit + 1)
        page = found[:limit]
        cursor = str(page[-1].id) if len(found) > limit else None
        data = msgspec.json.encode([_item(it) for it in page])
        return Reply(data, per_page=limit, next_cursor=cursor)

    async def read(self, _: Context, call: Call) -> Reply:
        """One operator."""
        return await self._shown(_id(call))

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Make an operator, who enrols a second factor at their first sign-in."""
        body: OperatorCreate = call.body
        view = await self._operators.create(
            body.email,
            body.password.get_secret_value(),
            name=body.name,
            permissions=body.permissions,
            by=ctx.actor,
        )
        return _one(view, status=201, location=f"{MANY}/{view.id}")

    async def update(self, ctx: Context, call: Call) -> Reply:
        """Change an operator's name or permissions."""
        body: OperatorChange = call.body
        await self._operators.change(
            _id(call),
            name=body.name,
            permissions=body.permissions,
            version=call.version,
            by=ctx.actor,
        )
        return await self._shown(_id(call))

    async def delete(self, ctx: Context, call: Call) -> Reply:
        """Forget an operator for ever."""
        await self._operators.remove(_id(call), by=ctx.actor)
        return Reply()

    async def disable(self, ctx: Context, call: Call) -> Reply:
        """Sign an operator out, and let them in no more."""
        await self._operators.disable(_id(call), by=ctx.actor)
        return await self._shown(_id(call))

    async def enable(self, ctx: Context, call: Call) -> Reply:
        """Let a disabled operator sign in again."""
        await self._operators.enable(_id(call), by=ctx.actor)
        return await self._shown(_id(call))

    async def set_password(self, ctx: Context, call: Call) -> Reply:
        """Give an operator another password; all their sessions end."""
        password = call.body.password.get_secret_value()
        await self._operators.set_password(_id(call), password, by=ctx.actor)
        return await self._shown(_id(call))

    async def reset_factor(self, ctx: Context, call: Call) -> Reply:
        """Forget an operator's second factor: they enrol another at the next sign-in."""
        await self._operators.reset_factor(_id(call), by=ctx.actor)
        return await self._shown(_id(call))

    async def sessions(self, _: Context, call: Call) -> Reply:
        """An operator's sign-ins that are still good."""
        found = await self._operators.sessions(_id(call))
        data = [{"type": "operator_session", **msgspec.to_builtins(it)} for it in found]
        return Reply(msgspec.json.encode(data))

    async def end_sessions(self, ctx: Context, call: Call) -> Reply:
        """End one of an operator's sign-ins, or all of them."""
        session: UUID | None = call.body.session_id
        if session is None:
            await self._operators.end_sessions(_id(call), by=ctx.actor)
        else:
            await self._operators.end_session(_id(call), session, by=ctx.actor)
        return Reply()

    async def _shown(self, operator_id: UUID) -> Reply:
        return _one(await self._operators.find(operator_id))

    def operations(self) -> tuple[Operation, ...]:
        """All of them, declared."""
        missing = {"errors": (NotFound, BeyondYourself)}
        kept = {"errors": (NotFound, BeyondYourself, LastFullOperator)}
        nothing = {"answer": lambda: {"type": "null"}}
        return (
            _made(
                "list", "GET", MANY, self.list, paged=True, answer=_many(_schema),
                parameters=PARAMETERS, errors=(BadOperatorQuery,),
            ),
            _made("read", "GET", ONE, self.read, **missing),
            _made(
                "create", "POST", MANY, self.create, body=OperatorCreate, status=201,
                errors=(Conflict, Invalid, BeyondYourself),
            ),
            _made(
                "update", "PATCH", ONE, self.update, body=OperatorChange,
                precondition=Precondition.required,
                errors=(NotFound, BeyondYourself, LastFullOperator, Stale, Invalid),
            ),
            _made("delete", "DELETE", ONE, self.delete, **kept, **nothing),
            _made("disable", "POST", f"{ONE}/disable", self.disable, **kept),
            _made("enable", "POST", f"{ONE}/enable", self.enable, **missing),
            _made(
                "set_password", "POST", f"{ONE}/password", self.set_password,
                body=OperatorPassword, errors=(NotFound, BeyondYourself, Invalid),
            ),
            _made(
                "reset_factor", "POST", f"{ONE}/reset-second-factor",
                self.reset_factor, **missing,
            ),
            _made(
                "sessions", "GET", f"{ONE}/sessions", self.sessions,
                answer=_many(_session_schema), errors=(NotFound,),
            ),
            _made(
                "end_sessions", "POST", f"{ONE}/sessions/revoke", self.end_sessions,
                body=EndSessions, **missing, **nothing,
            ),
        )  # fmt: skip


def _made(name: str, method: str, path: str, run: Run, **more: Any) -> Operation:
    writes = method != "GET"
    return Operation(
        name=f"operators.{name}",
        method=method,
        path=path,
        run=run,
        audience=Audience.operator,
        permission=f"operators.{'manage' if writes else 'read'}",
        summary=summary_of(run),
        writes=writes,
        **{"answer": _schema, **more},
    )


def _id(call: Call) -> UUID:
    found = parse_uuid(call.key)
    if found is None:
        raise NotFound
    return found


def _asked(query: Mapping[str, str]) -> tuple[int, UUID | None]:
    """How many, and after whom; raises ``BadOperatorQuery``."""
    known = {it.name for it in PARAMETERS}
    if unknown := query.keys() - known:
        raise BadOperatorQuery(
            reason=Words("there is no parameter '{name}'", name=min(unknown)[:80])
        )
    text = query.get("per_page", str(PER_PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text)):
        raise BadOperatorQuery(
            reason=Words("per_page is a number from 1 to {most}", most=MOST_PER_PAGE)
        )
    cursor = query.get("cursor")
    after = None if cursor is None else parse_uuid(cursor)
    if cursor is not None and after is None:
        raise BadOperatorQuery(reason=Words("the cursor is damaged"))
    return min(int(text), MOST_PER_PAGE), after


def _one(view: OperatorView, **more: Any) -> Reply:
    data = msgspec.json.encode(_item(view))
    return Reply(data, etag=f'"{view.version}"', **more)


def _item(view: OperatorView) -> dict[str, Any]:
    return {"type": "operator", **msgspec.to_builtins(view)}


def _schema(of: type[Any] = OperatorView, kind: str = "operator") -> dict[str, Any]:
    schema = TypeAdapter(of).json_schema(mode="serialization", ref_template=REF)
    schema["title"] = kind.title().replace("_", "")
    schema["properties"]["type"] = {"const": kind}
    schema["required"] = ["type", *schema["required"]]
    return {**schema, "additionalProperties": False}


def _session_schema() -> dict[str, Any]:
    return _schema(OperatorSessionView, "operator_session")


def _many(one: Callable[[], Mapping[str, Any]]) -> Callable[[], Mapping[str, Any]]:
    return lambda: {"type": "array", "items": one()}
