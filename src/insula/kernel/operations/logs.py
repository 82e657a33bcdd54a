"""Logs: one line an event and one a request, each with its tenant, none to be forged."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal
from uuid import UUID

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from insula.kernel.foundation.settings import Settings
from insula.kernel.operations.channels import Channels

Format = Literal["json", "console"]

LEVELS: Mapping[str, int] = {
    "emergency": 70,
    "alert": 60,
    "critical": 50,
    "error": 40,
    "warning": 30,
    "notice": 25,
    "info": 20,
    "debug": 10,
}
"""The eight levels of RFC 5424, on the scale of Python's logging (S3-93)."""
NOBODY = "-"
TRACES = ("error", "exception")
"""Fields that may have several lines."""

_tenant: ContextVar[tuple[UUID, str] | None] = ContextVar("log_tenant", default=None)
_encode = msgspec.json.Encoder(enc_hook=str).encode


def set_log_tenant(tenant_id: UUID, domain: str) -> None:
    """From here on, the lines of this task are about this tenant."""
    _tenant.set((tenant_id, domain))


def log_tenant() -> tuple[UUID, str] | None:
    """The tenant that this task's lines are about, and its domain."""
    return _tenant.get()


class RequestLine(msgspec.Struct, gc=False):
    """What is noted of an answered request (S1-70)."""

    ts: datetime
    level: str
    event: str
    request_id: str
    tenant_id: UUID | str
    tenant_domain: str
    actor: UUID | str
    method: str
    operation: str
    status: int
    duration_ms: float
    client: str


class AccessLog:
    """Notes requests; the lines are written a moment later, off the request's path."""

    def __init__(self, channels: Channels, form: Format) -> None:
        self._add = channels.add
        self._encode = _encode if form == "json" else _readable

    def note(self, line: RequestLine) -> None:
        """Take a line down."""
        tenant_id = line.tenant_id
        self._add(
            self._encode(line), tenant_id if isinstance(tenant_id, UUID) else None
        )


def configure(
    channels: Channels, *, level: str = "INFO", form: Format = "json"
) -> None:
    """Let every logger of this process write to these channels."""
    render = _as_json if form == "json" else _as_text
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _name_level,
            _name_tenant,
            structlog.processors.TimeStamper("iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            partial(_hand_over, render=render),
        ],
        wrapper_class=bound_logger(level),
        logger_factory=lambda *_: _Writer(channels),
        cache_logger_on_first_use=False,
    )


def log_form(settings: Settings) -> Format:
    """How log lines look: as said, else for people at a terminal and for programs."""
    if settings.log_format is not None:
        return settings.log_format
    return "console" if sys.stderr.isatty() else "json"


def bound_logger(level: str) -> type[FilteringBoundLogger]:
    """A logger class with all eight levels that drops what lies below one."""
    lowest = LEVELS.get(level.lower())
    if lowest is None:
        raise ValueError(f"log level {level} is none of {', '.join(LEVELS)}")
    # structlog knows five of the levels; what it filters by is the next of these.
    known = [it for it in (10, 20, 30, 40, 50) if it >= lowest]
    base = structlog.make_filtering_bound_logger(min(known, default=50))
    added = {
        name: _method(name) if LEVELS[name] >= lowest else _ignore
        for name in ("emergency", "alert", "notice")
    }
    if not known:
        added["critical"] = _ignore
    return type("Logger", (base,), added)


def server_log_config(form: Format) -> Mapping[str, Any]:
    """A logging configuration under which libraries' lines look like ours."""
    handler = {"class": "logging.StreamHandler", "formatter": "ours"}
    formatter = {"()": ForeignFormatter, "form": form}
    ours = {"handlers": ["ours"], "level": "WARNING", "propagate": False}
    return {
        "formatters": {"ours": formatter},
        "handlers": {"ours": handler},
        "loggers": {"_granian": dict(ours), "granian.access": dict(ours)},
        "root": {"handlers": ["ours"], "level": "WARNING"},
    }


class ForeignFormatter(logging.Formatter):
    """Writes what a library logs as a line like our own."""

    def __init__(self, form: Format = "json") -> None:
        super().__init__()
        self._render = _as_json if form == "json" else _as_text

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message contains."""
        event: EventDict = {"event": record.getMessage(), "logger": record.name}
        event["level"] = record.levelname.lower()
        _name_tenant(None, "", event)
        event["ts"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return self._render(event).decode()


class _Writer:
    """The end of a logger's chain: hands the line to the channels at once."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    def __getattr__(self, name: str) -> Callable[[bytes, UUID | None], None]:
        if name not in LEVELS:
            raise AttributeError(name)
        return self._channels.write


def _method(name: str) -> Callable[..., Any]:
    def log(self: structlog.BoundLoggerBase, event: str, **fields: object) -> Any:
        return self._proxy_to_logger(name, event, **fields)

    return log


def _ignore(_self: object, _event: str, **_fields: object) -> None:
    """Below the level that is written."""


def _name_level(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    event["level"] = method
    return event


def _name_tenant(_: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Every line says whose it is (S1-70)."""
    current = _tenant.get()
    tenant_id, domain = (NOBODY, NOBODY) if current is None else current
    named = event.setdefault("tenant_id", tenant_id)
    known = current is not None and str(named) == str(tenant_id)
    event.setdefault("tenant_domain", domain if known else NOBODY)
    return event


def _hand_over(
    _: WrappedLogger, _method: str, event: EventDict, *, render: Callable[..., bytes]
) -> tuple[tuple[bytes, UUID | None], dict[str, Any]]:
    tenant_id = event["tenant_id"]
    if isinstance(tenant_id, str) and tenant_id != NOBODY:
        try:
            tenant_id = UUID(tenant_id)
        except ValueError:
            tenant_id = None
    owner = tenant_id if isinstance(tenant_id, UUID) else None
    return (render(event), owner), {}


def _as_json(event: EventDict) -> bytes:
    head = {key: event.pop(key) for key in ("ts", "level", "event")}
    line = {**head, **event}
    try:
        return _encode(line)
    except (ValueError, TypeError, OverflowError):  # half a character, a huge number
        return json.dumps(line, default=str, skipkeys=True).encode()


def _as_text(event: EventDict) -> bytes:
    """For a person in front of a terminal; values are quoted, so a line stays one."""
    head = f"{event.pop('ts')} {event.pop('level'):<9} {_clean(event.pop('event'))}"
    traces = [str(event.pop(key)) for key in TRACES if "\n" in str(event.get(key))]
    words = [f"{key}={_clean(it)}" for key, it in event.items() if it != NOBODY]
    below = [f"\n    {_clean(line)}" for it in traces for line in it.splitlines()]
    return (" ".join((head, *words)) + "".join(below)).encode()


def _readable(line: RequestLine) -> bytes:
    parts = (
        f"{line.ts:%H:%M:%S} {line.status} {line.method:<6} {line.operation}",
        f"{line.duration_ms:.1f} ms {line.tenant_domain} {line.request_id}",
    )
    return " ".join(parts).encode()


def _clean(value: object) -> str:
    text = str(value)
    return text if text.isprintable() else ascii(text)
