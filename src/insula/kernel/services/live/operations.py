"""The operations of events: a stream, a websocket, tickets for both, and a list to pull."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Parameter, Reply
from insula.kernel.events.live.hub import Hub, Restarting, TooManyListeners
from insula.kernel.events.live.topics import BadTopics, parse_topics
from insula.kernel.foundation.errors import BadRequest, Denied, Unauthenticated
from insula.kernel.services.live.encoding import Encoding, ServerSent, SocketText
from insula.kernel.services.live.stream import Asked, Hearing, LiveStream
from insula.kernel.services.live.tickets import LIFETIME, Tickets
from insula.kernel.services.live.visibility import Visibility

NUMBER = re.compile(r"\d{1,18}", re.ASCII)
USUAL_PAGE, LARGEST_PAGE = 50, 100
MOST_SCANNED = 1_000
"""Events that one page looks through for those that its reader may see."""

TOPICS = Parameter(
    "events", "Names such as `maintenance.asset.down` or `maintenance.*`, by commas."
)
AFTER = Parameter(
    "after",
    "The number of the last event that was heard; `Last-Event-ID` says the same.",
    {"type": "integer"},
)
TICKET = Parameter("ticket", "In place of a token, where no header can be sent.")
PAGE = (
    TOPICS,
    Parameter("cursor", "The number after which to begin.", {"type": "integer"}),
    Parameter(
        "per_page",
        "At most so many events.",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE},
    ),
)


class BadNumber(BadRequest):
    """{name} is the number of an event, or of events."""

    code = "INVALID_QUERY"


class UsersAlone(Denied):
    """Only somebody with an identity of their own can listen."""

    code = "USERS_ALONE"


class LiveOperations:
    """Listening, and reading what there was to hear."""

    def __init__(self, hub: Hub, visibility: Visibility, tickets: Tickets) -> None:
        self._hub, self._visibility, self._tickets = hub, visibility, tickets

    async def stream(self, ctx: Context, call: Call) -> Reply:
        """Tell events as they happen, as server-sent events."""
        chunks = self._listen(ctx, call, ServerSent())
        fresh = ((b"cache-control", b"no-store"),)
        return Reply(stream=chunks, content_type="text/event-stream", headers=fresh)

    async def socket(self, ctx: Context, call: Call) -> Reply:
        """Tell events as they happen, over a websocket."""
        return Reply(stream=self._listen(ctx, call, SocketText()))

    def _listen(
        self, ctx: Context, call: Call, encoding: Encoding
    ) -> AsyncIterator[bytes]:
        assert call.again is not None
        if ctx.actor.id is None:
            raise UsersAlone
        asked = Asked(parse_topics(call.query.get("events")), _after(call))
        hearing = Hearing(ctx.tenant, ctx.actor, call.again)
        stream = LiveStream(self._hub, self._visibility, hearing, asked, encoding)
        return stream.run(ctx.session)

    async def ticket(self, ctx: Context, call: Call) -> Reply:
        """Give the caller a ticket for a stream."""
        kind, _, token = call.headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() != b"bearer":
            raise Unauthenticated
        ticket = self._tickets.issue(ctx.tenant.id, token.strip().decode("latin-1"))
        given = {"ticket": ticket, "expires_in": LIFETIME}
        return Reply(msgspec.json.encode(given))

    async def list(self, ctx: Context, call: Call) -> Reply:
        """Read stored events in order, for who would rather pull."""
        topics = parse_topics(call.query.get("events"))
        position = _number("cursor", call.query.get("cursor", "0"))
        wanted = _number("per_page", call.query.get("per_page", str(USUAL_PAGE)))
        if not 1 <= wanted <= LARGEST_PAGE:
            raise BadNumber(name="per_page")
        found: list[bytes] = []
        scanned, more, reader = 0, True, self._hub.reader
        while more and len(found) < wanted and scanned < MOST_SCANNED:
            events = await reader.after(ctx.session, position, LARGEST_PAGE)
            more = len(events) == LARGEST_PAGE
            for at, event in enumerate(events, start=1):
                position, scanned = event.sequence, scanned + 1
                if topics.hold(event.name) and self._sees(ctx, event):
                    found.append(self._visibility.text(ctx.actor, event))
                if len(found) == wanted:
                    more = more or at < len(events)
                    break
        return Reply(
            b"[" + b",".join(found) + b"]",
            next_cursor=str(position) if more else None,
            per_page=wanted,
            meta={"position": position},
        )

    def _sees(self, ctx: Context, event: Any) -> bool:
        return self._visibility.sees(ctx.tenant, ctx.actor, event)

    def operations(self) -> tuple[Operation, ...]:
        """All of them; whom an event is shown is decided event by event."""
        redeem = self._tickets.redeem
        return (
            Operation(
                name="events.list", method="GET", path="/api/v1/events",
                run=self.list, summary="List events in order", writes=False,
                paged=True, answer=_events, parameters=PAGE,
                errors=(BadTopics, BadNumber),
            ),
            Operation(
                name="events.stream", method="GET", path="/api/v1/events/stream",
                run=self.stream, summary="Hear events as they happen", writes=False,
                live=True, ticket=redeem, content_type="text/event-stream",
                parameters=(TOPICS, AFTER, TICKET),
                errors=(BadTopics, BadNumber, TooManyListeners, Restarting),
            ),
            Operation(
                name="events.socket", method="GET", path="/api/v1/events/socket",
                run=self.socket, summary="Hear events over a websocket", writes=False,
                live=True, socket=True, ticket=redeem,
                parameters=(TOPICS, AFTER, TICKET),
                errors=(BadTopics, BadNumber, TooManyListeners, Restarting),
            ),
            Operation(
                name="events.tickets.create", method="POST",
                path="/api/v1/events/tickets", run=self.ticket, writes=False,
                summary="Get a ticket with which a browser opens a stream",
                answer=_ticket,
            ),
        )  # fmt: skip


def _after(call: Call) -> int | None:
    header = call.headers.get(b"last-event-id")
    if header:
        return _number("Last-Event-ID", header.decode("latin-1").strip())
    text = call.query.get("after")
    return None if text is None else _number("after", text)


def _number(name: str, text: str) -> int:
    if NUMBER.fullmatch(text) is None:
        raise BadNumber(name=name)
    return int(text)


def _ticket() -> Mapping[str, Any]:
    properties = {"ticket": {"type": "string"}, "expires_in": {"type": "integer"}}
    return {
        "title": "EventsTicket",
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }


def _events() -> Mapping[str, Any]:
    text, number = {"type": "string"}, {"type": "integer"}
    uuid = {**text, "format": "uuid"}
    perhaps = {"type": ["string", "null"], "format": "uuid"}
    properties = {
        "sequence": number,
        "name": text,
        "id": uuid,
        "version": number,
        "occurred_at": {**text, "format": "date-time"},
        "resource_id": perhaps,
        "actor_id": perhaps,
        "data": {"type": ["object", "null"]},
    }
    event = {
        "title": "StoredEvent",
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }
    return {"type": "array", "items": event}
