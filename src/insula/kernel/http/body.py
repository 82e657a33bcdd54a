"""Request bodies: read within a size and a time, decoded as JSON that nothing can trip over."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import msgspec

from insula.kernel.foundation.errors import BadRequest, Problem, TooLarge
from insula.kernel.foundation.words import Words
from insula.kernel.http.asgi import Message, Receive

MAX_DEPTH = 64
SLOWEST = 16_384
"""Bytes a second below which an upload counts as stalled, after its first moments."""

_decode = msgspec.json.Decoder().decode
_key_ends = re.compile(rb'"[ \t\r\n]*:').findall
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class BodyStalled(Problem):
    """The request body took too long to arrive."""

    status = 408
    code = "BODY_TIMEOUT"


class BodyCut(BadRequest):
    """The request body ended before its time."""

    code = "BODY_INCOMPLETE"


class MalformedJson(BadRequest):
    """The body is not valid JSON: {reason}."""

    code = "MALFORMED_JSON"


class NotADocument(BadRequest):
    """The body must be a JSON object or array."""

    code = "JSON_NOT_A_DOCUMENT"


class TooDeep(BadRequest):
    """The body nests deeper than {limit} levels."""

    code = "JSON_TOO_DEEP"


class DuplicateKey(BadRequest):
    """An object in the body names the same key twice."""

    code = "JSON_DUPLICATE_KEY"


class NulInText(BadRequest):
    """A text in the body contains the NUL character."""

    code = "NUL_IN_TEXT"


class BodyGuard:
    """A receive under which no body outgrows its limit or outlasts its time, whoever reads it."""

    __slots__ = ("body", "deadline", "ended", "limit", "receive", "size", "timeout")

    def __init__(self, receive: Receive, limit: int, timeout: float) -> None:
        self.receive = receive
        self.limit = limit
        self.timeout = timeout
        self.deadline: float | None = None
        self.size = 0
        self.ended = False
        self.body: bytes | None = None

    async def __call__(self) -> Message:
        """The next message; once the body is in, one may wait for the disconnect for ever."""
        if self.ended:
            return await self.receive()
        if self.deadline is None:
            self.deadline = asyncio.get_running_loop().time() + self.timeout
        try:
            async with asyncio.timeout_at(self.deadline):
                message = await self.receive()
        except TimeoutError:
            raise BodyStalled from None
        self._count(message)
        return message

    async def read(self, *, limit: int, timeout: float) -> bytes:
        """The whole body, under the reader's own limits and with a single timer (3 us each).

        A walk that is repeated reads the same again.
        """
        if self.body is not None:
            return self.body
        self.limit = limit
        chunks = []
        try:
            async with asyncio.timeout(timeout):
                while not self.ended:
                    message = await self.receive()
                    self._count(message)
                    chunks.append(message.get("body", b""))
        except TimeoutError:
            raise BodyStalled from None
        self.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return self.body

    async def chunks(self, *, limit: int, timeout: float) -> AsyncIterator[bytes]:
        """The body as it arrives; the next chunk is fetched when it is asked for.

        It stalls when ``timeout`` seconds pass without a chunk, or when it is slower
        than ``SLOWEST`` for so long. Only our waiting counts, not what is done with it.
        """
        self.limit = limit
        clock, waited = asyncio.get_running_loop().time, 0.0
        while not self.ended:
            began = clock()
            patience = timeout + self.size / SLOWEST - waited
            try:
                async with asyncio.timeout(min(timeout, patience)):
                    message = await self.receive()
            except TimeoutError:
                raise BodyStalled from None
            waited += clock() - began
            self._count(message)
            if chunk := message.get("body"):
                yield chunk

    async def gone(self) -> None:
        """Return when the client has left; what else it sends is dropped."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    def _count(self, message: Message) -> None:
        # A broken chunk and a client that left look the same here: the answer serves the first
        # and costs the second nothing, while silence would become the server's own 500.
        if message["type"] == "http.disconnect":
            self.ended = True
            raise BodyCut
        self.size += len(message.get("body", b""))
        if self.size > self.limit:
            raise TooLarge
        self.ended = not message.get("more_body", False)


def guarded(receive: Receive, *, limit: int, timeout: float) -> BodyGuard:
    """The guard that the front has put before a body, or a new one."""
    if isinstance(receive, BodyGuard):
        return receive
    return BodyGuard(receive, limit, timeout)


async def read_body(receive: Receive, *, limit: int, timeout: float) -> bytes:
    """The whole request body, at most `limit` bytes, within `timeout` seconds altogether."""
    guard = guarded(receive, limit=limit, timeout=timeout)
    return await guard.read(limit=limit, timeout=timeout)


def check_json(body: bytes) -> dict[str, object] | list[object]:
    """The decoded body, if every JSON reader and PostgreSQL would understand it the same way."""
    # At most that many brackets cannot nest deeper; only other bodies pay for the closer look.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _nests_too_deep(body):
        raise TooDeep(limit=MAX_DEPTH)
    try:
        document: object = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson(reason=_reason(error)) from None
    if not isinstance(document, (dict, list)):
        raise NotADocument
    if b"\\u0000" in body and _has_nul(document):
        raise NulInText
    # Every key in the text ends in such a match, so equal numbers prove that none was lost.
    keys = len(_key_ends(body))
    if keys and keys != _count_keys(document):
        json.loads(body, object_pairs_hook=_refuse_duplicates)
    return document


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return Words("invalid UTF-8")
    return str(error).removeprefix("JSON is malformed: ")


def _nests_too_deep(body: bytes) -> bool:
    """Drop the strings, then peel one level of brackets a round: C speed at any size."""
    pieces = body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    brackets = b"".join(pieces[::2]).translate(_AS_SQUARE, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        if b"[]" not in brackets:
            break
        brackets = brackets.replace(b"[]", b"")
    # Brackets that are never closed are the decoder's to report, unless they alone go too deep.
    return b"[]" in brackets or brackets.count(b"[") > MAX_DEPTH


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


def _count_keys(value: dict[str, object] | list[object]) -> int:
    count, items = (
        (len(value), value.values()) if isinstance(value, dict) else (0, value)
    )
    for item in items:
        if type(item) is dict or type(item) is list:  # the decoder makes no subclasses
            count += _count_keys(item)
    return count


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise DuplicateKey
