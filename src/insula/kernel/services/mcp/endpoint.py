"""The endpoint: the operations of a tenant as tools, in the Model Context Protocol.

A call of a tool is an errand: a whole request through the same application, with the
credential of the caller. So it is recognised, limited, admitted, checked, done once
and audited as the request that somebody could have sent themselves, and there is no
second path to the rows that would have to be kept as safe as the first.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from msgspec import UNSET, Raw

from insula import __version__
from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.errors import (
    Denied,
    Problem,
    Unauthenticated,
    Unavailable,
)
from insula.kernel.services.mcp.eras import META, SUPPORTED, Era, era_of, negotiated
from insula.kernel.services.mcp.errands import Brought, Misunderstood, Run
from insula.kernel.services.mcp.messages import (
    JSON,
    Code,
    Fault,
    Message,
    Params,
    params_of,
    read,
    refusal,
    result,
)
from insula.kernel.services.mcp.tools import MOST_LISTED, Tool, Toolbox
from insula.kernel.tenancy.tenant import Tenant

SERVER = {"name": "insula", "title": "Insula", "version": __version__}
ABILITIES: Mapping[str, object] = {"tools": {}}
INSTRUCTIONS = (
    "Each tool is an operation of this organisation's API, with the rights of whoever"
    " owns the credential. Lists take `filter` (such as state==open;due_at=lt=@now),"
    " `sort`, `fields` and `per_page`. Read a row before changing it, and send its"
    " version."
)
FRESH = 300_000
"""Milliseconds for which a program may keep what it was told of tools."""
NOTHING: dict[str, object] = {}

Admit = Callable[[Operation, Tenant | None, Actor], None]
"""Raises a ``Problem`` unless the actor may call the operation."""
Method = Callable[["Asking"], object]


class McpOff(Denied):
    """Programs of artificial intelligence are not let in here: an administrator can do that."""

    code = "MCP_OFF"


class ForeignPage(Denied):
    """A page of another site may not ask this."""

    code = "MCP_FOREIGN_ORIGIN"


class Asking(msgspec.Struct, frozen=True):
    """A request that was understood, with all that an answer may need."""

    ctx: Context
    call: Call
    message: Message
    params: Params


class Endpoint:
    """Answers messages; ``open`` is called once there is an application to ask."""

    def __init__(self, admit: Admit) -> None:
        self._admit = admit
        self._run: Run | None = None
        self._tools: Mapping[str, Tool] = {}
        self._names: list[str] = []

    def open(self, run: Run, operations: Iterable[Operation]) -> None:
        """Offer these operations, and run the errands of their tools so."""
        self._run, self._tools = run, Toolbox(operations).tools
        self._names = sorted(self._tools)

    async def answer(self, ctx: Context, call: Call) -> Reply:
        """Answer one message."""
        _check_caller(ctx, call)
        message: Message | None = None
        try:
            message = read(call.raw)
            params = params_of(message)
            era = era_of(call.headers, message, params)
            if message.id is UNSET:
                _check_notification(message)
                return Reply(b"", 202, content_type=JSON)
            value = await self._value(Asking(ctx, call, message, params), era)
        except Fault as fault:
            return Reply(refusal(message, fault), fault.status, content_type=JSON)
        return Reply(result(message, value), content_type=JSON)

    async def _value(self, it: Asking, era: Era) -> Mapping[str, object]:
        """What the method answers, as that revision of the protocol has it."""
        methods = _MODERN if era is Era.modern else _LEGACY
        if it.message.method not in methods:
            status = 404 if era is Era.modern else 200
            raise Fault(Code.no_method, "There is no such method.", status=status)
        match it.message.method:
            case "initialize":
                return _introduced(it.params)
            case "server/discover":
                found = _discovered()
            case "tools/list":
                found = self._listed(it)
            case "tools/call":
                found = await self._called(it)
            case _:
                return NOTHING
        return found if era is Era.legacy else {**found, **_signed(it.message.method)}

    def _listed(self, it: Asking) -> dict[str, object]:
        """A page of the tools that the caller may use now."""
        wanted = it.call.query.get("apps")
        apps = None if wanted is None else frozenset(wanted.split(","))
        found: list[Tool] = []
        for tool in self._after(it.params.cursor):
            if (apps is None or tool.area in apps) and self._may(it.ctx, tool):
                found.append(tool)
            if len(found) > MOST_LISTED:
                break
        page = found[:MOST_LISTED]
        answer: dict[str, object] = {"tools": [tool.described for tool in page]}
        if len(found) > MOST_LISTED:
            answer["nextCursor"] = page[-1].name
        return answer

    def _after(self, cursor: str | None) -> Iterator[Tool]:
        start = 0 if cursor is None else bisect_right(self._names, cursor)
        return (self._tools[name] for name in self._names[start:])

    def _may(self, ctx: Context, tool: Tool) -> bool:
        try:
            self._admit(tool.operation, ctx.tenant, ctx.actor)
        except Problem:
            return False
        return True

    async def _called(self, it: Asking) -> dict[str, object]:
        """What a tool answers; whatever goes wrong with it is for the program to read."""
        name = it.params.name
        tool = None if name is UNSET else self._tools.get(name)
        if tool is None:
            raise Fault(Code.invalid_params, "There is no such tool.", status=200)
        if self._run is None:
            raise Unavailable
        try:
            errand = tool.errand(it.params.arguments or {})
            return _told(await self._run(it.ctx, it.call, errand))
        except Misunderstood as error:
            return _failed(str(error), {"code": "INVALID_ARGUMENTS"})
        except Problem as problem:  # with the address, before the application saw it
            return _failed(problem.message, {"code": problem.code})


_MODERN = ("server/discover", "tools/call", "tools/list")
_LEGACY = ("initialize", "ping", "tools/call", "tools/list")


class Success(msgspec.Struct):
    """What is told of an answer that is a success."""

    data: Raw
    meta: Raw
    message: str = ""


class Failure(msgspec.Struct):
    """What is told of an answer that is a problem."""

    error: Raw


class Error(msgspec.Struct):
    """A problem, as far as it is put into words."""

    code: str
    message: str
    fields: dict[str, list[str]] = {}


def _check_caller(ctx: Context, call: Call) -> None:
    """A token that a browser does not send by itself, from no page but ours."""
    if not ctx.tenant.policy.mcp:
        raise McpOff
    if b"authorization" not in call.headers:
        raise Unauthenticated
    given = call.headers.get(b"origin")
    if given is None:
        return
    origin = given.decode("latin-1").lower()
    own = f"{'https' if call.secure else 'http'}://{call.authority}"
    if origin != own and origin not in ctx.tenant.policy.cors_origins:
        raise ForeignPage


def _check_notification(message: Message) -> None:
    """What has no id gets no answer, so it may not be something to do."""
    if not message.method.startswith("notifications/"):
        raise Fault(Code.invalid_request, "A request has an id.")


def _introduced(params: Params) -> dict[str, object]:
    return {
        "protocolVersion": negotiated(params.version),
        "capabilities": ABILITIES,
        "serverInfo": SERVER,
        "instructions": INSTRUCTIONS,
    }


def _discovered() -> dict[str, object]:
    return {
        "supportedVersions": SUPPORTED,
        "capabilities": ABILITIES,
        "instructions": INSTRUCTIONS,
    }


def _signed(method: str) -> dict[str, object]:
    """What a modern result says besides: that it is whole, whose, and for how long."""
    found: dict[str, object] = {"resultType": "complete"}
    found["_meta"] = {f"{META}serverInfo": SERVER}
    if method != "tools/call":
        found |= {"ttlMs": FRESH, "cacheScope": "private"}
    return found


def _told(brought: Brought) -> dict[str, object]:
    """The answer of an operation as the answer of a tool."""
    if brought.status >= 400:
        raw = msgspec.json.decode(brought.body, type=Failure).error
        error = msgspec.json.decode(raw, type=Error)
        wrong = [f"{name}: {' '.join(it)}" for name, it in error.fields.items()]
        said = f"{error.code} ({brought.status}): {error.message}"
        return _failed("\n".join((said, *wrong)), raw)
    found = msgspec.json.decode(brought.body, type=Success)
    structured = {"data": found.data, "meta": found.meta, "message": found.message}
    text = msgspec.json.encode(structured).decode()
    content = [{"type": "text", "text": text}]
    return {"content": content, "structuredContent": structured, "isError": False}


def _failed(said: str, error: object) -> dict[str, object]:
    return {
        "content": [{"type": "text", "text": said}],
        "structuredContent": {"error": error},
        "isError": True,
    }
