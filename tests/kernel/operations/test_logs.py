"""Every log line says whose it is, and nobody can forge one."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from contextvars import Context
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog

from insula.kernel.foundation.faults import describe
from insula.kernel.operations.channels import MOST, Channels
from insula.kernel.operations.logs import (
    LEVELS,
    AccessLog,
    ForeignFormatter,
    Format,
    RequestLine,
    configure,
    set_log_tenant,
)

TENANT = UUID(int=7)
NASTY = 'x\n{"level":"info","event":"forged"}\r\x1b[2J\u2028\ud800'


class Stream:
    """The lines that were written."""

    def __init__(self) -> None:
        self.text = b""

    def __call__(self, text: bytes) -> None:
        self.text += text

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def stream() -> Iterator[Stream]:
    before = structlog.get_config()
    yield Stream()
    structlog.configure(**before)


def request_line(**changes: Any) -> RequestLine:
    known = {
        "ts": datetime(2026, 1, 2, tzinfo=UTC),
        "level": "info",
        "event": "request",
        "request_id": "req_1",
        "tenant_id": TENANT,
        "tenant_domain": "acme.example.com",
        "actor": "-",
        "method": "GET",
        "operation": "notes.list",
        "status": 200,
        "duration_ms": 1.5,
        "client": "127.0.0.1",
    }
    return RequestLine(**{**known, **changes})


def test_a_request_is_one_line_with_tenant_and_domain(stream: Stream) -> None:
    """S1-70."""
    channels = Channels(stream=stream)
    AccessLog(channels, "json").note(request_line())
    assert stream.text == b""
    channels.flush()
    [line] = stream.lines()
    assert line["tenant_id"] == str(TENANT)
    assert line["tenant_domain"] == "acme.example.com"
    assert line["ts"] == "2026-01-02T00:00:00Z"
    assert set(line) == set(RequestLine.__struct_fields__)


def test_every_other_line_has_tenant_and_domain_too(stream: Stream) -> None:
    """S1-70."""
    configure(Channels(stream=stream))
    logger = structlog.get_logger()
    logger.info("nobody's")
    logger.info("another's", tenant_id=str(UUID(int=9)))
    first, second = stream.lines()
    assert (first["tenant_id"], first["tenant_domain"]) == ("-", "-")
    assert (second["tenant_id"], second["tenant_domain"]) == (str(UUID(int=9)), "-")


async def test_the_lines_of_a_task_carry_the_tenant_that_it_serves(
    stream: Stream,
) -> None:
    configure(Channels(stream=stream))

    async def serve() -> None:
        set_log_tenant(TENANT, "acme.example.com")
        structlog.get_logger().warning("here")

    async def rest() -> None:
        structlog.get_logger().warning("there")

    for work in (serve(), rest()):
        await asyncio.create_task(work, context=Context())
    here, there = stream.lines()
    assert (here["tenant_id"], here["tenant_domain"]) == (
        str(TENANT),
        "acme.example.com",
    )
    assert there["tenant_id"] == "-"


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_a_caller_sends_cannot_forge_a_line(stream: Stream, form: Format) -> None:
    configure(Channels(stream=stream), form=form)
    structlog.get_logger().warning(NASTY, name=NASTY)
    assert stream.text.count(b"\n") == 1
    assert re.search(rb"[\x00-\x09\x0b-\x1f]", stream.text) is None


def test_a_librarys_lines_look_like_ours() -> None:
    record = logging.LogRecord("lib", logging.ERROR, "", 0, NASTY, None, None)
    text = ForeignFormatter().format(record)
    line = json.loads(text)
    assert "\n" not in text
    assert (line["level"], line["tenant_id"], line["logger"]) == ("error", "-", "lib")


def test_there_are_eight_levels(stream: Stream) -> None:
    """S3-93."""
    configure(Channels(stream=stream), level="debug")
    for level in LEVELS:
        getattr(structlog.get_logger(), level)("said")
    assert [line["level"] for line in stream.lines()] == list(LEVELS)


def test_what_lies_below_the_level_is_not_written(stream: Stream) -> None:
    configure(Channels(stream=stream), level="ALERT")
    for level in LEVELS:
        getattr(structlog.get_logger(), level)("said")
    assert [line["level"] for line in stream.lines()] == ["emergency", "alert"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="log level loud is none of emergency"):
        configure(Channels(), level="loud")


def test_each_tenant_has_a_file_of_its_own(tmp_path: Path, stream: Stream) -> None:
    """S1-45, S1-71."""
    channels = Channels(tmp_path, stream)
    configure(channels)
    AccessLog(channels, "json").note(request_line())
    structlog.get_logger().info("central")
    structlog.get_logger().info("theirs", tenant_id=str(UUID(int=9)))
    structlog.get_logger().info("odd", tenant_id="../../etc")
    files = {str(it.relative_to(tmp_path)) for it in tmp_path.rglob("*.log")}
    assert files == {
        "central/insula.log",
        f"tenants/{TENANT}/insula.log",
        f"tenants/{UUID(int=9)}/insula.log",
    }
    central = (tmp_path / "central/insula.log").read_text()
    assert central.count("\n") == 2
    assert len(stream.lines()) == 4


async def test_lines_are_written_soon_and_the_rest_at_the_end(stream: Stream) -> None:
    channels = Channels(stream=stream)
    await channels.start()
    channels.add(b"soon", None)
    await asyncio.sleep(0.25)
    assert stream.text == b"soon\n"
    channels.add(b"last", None)
    await channels.stop()
    assert stream.text == b"soon\nlast\n"


def test_a_stream_that_takes_nothing_costs_lines_not_memory(stream: Stream) -> None:
    channels = Channels(stream=stream)
    for _ in range(MOST + 5):
        channels.add(b"", None)
    assert (channels.waiting, channels.lost) == (MOST, 5)


def test_a_full_disk_does_not_fail_the_request() -> None:
    def full(_: bytes) -> None:
        raise OSError

    channels = Channels(stream=full)
    channels.write(b"line", None)
    assert channels.lost == 1


def fail(word: str) -> None:
    try:
        int(word)
    except ValueError as error:
        raise RuntimeError(word) from error


def test_a_fault_is_described_without_what_it_quotes() -> None:
    with pytest.raises(RuntimeError, match="hunter2") as caught:
        fail("hunter2")
    lines = describe(caught.value).splitlines()
    assert "ValueError" in lines
    assert "RuntimeError" in lines
    assert [it for it in lines if "hunter2" in it] == ['    fail("hunter2")']
