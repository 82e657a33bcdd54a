"""Messages: JSON-RPC 2.0 as the Model Context Protocol has it, read and written.

A message is kept in pieces of JSON until somebody needs one, so that what a tool is
given reaches the operation to the last digit.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

_encode = msgspec.json.Encoder().encode
JSON = "application/json"


class Code:
    """The codes of errors: those of JSON-RPC, and those of the protocol."""

    malformed = -32700
    invalid_request = -32600
    no_method = -32601
    invalid_params = -32602
    header_mismatch = -32020
    version = -32022


class Message(msgspec.Struct):
    """A request, or a notification where there is no id."""

    jsonrpc: Literal["2.0"]
    method: str
    id: int | str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET


class Params(msgspec.Struct):
    """What any of our methods may be told."""

    name: str | UnsetType = UNSET
    arguments: dict[str, Raw] | None = None
    cursor: str | None = None
    version: str | UnsetType = msgspec.field(default=UNSET, name="protocolVersion")
    meta: dict[str, Raw] | None = msgspec.field(default=None, name="_meta")


_messages, _params = msgspec.json.Decoder(Message), msgspec.json.Decoder(Params)


class Fault(Exception):
    """What is wrong with a message; ``status`` is how HTTP says it."""

    def __init__(
        self,
        code: int,
        words: str,
        *,
        status: int = 400,
        data: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(words)
        self.code, self.words, self.status, self.data = code, words, status, data


def read(body: bytes) -> Message:
    """The one message of a body; raises ``Fault``."""
    try:
        return _messages.decode(body)
    except msgspec.ValidationError:
        raise Fault(
            Code.invalid_request,
            "One JSON-RPC 2.0 request is expected: batches and answers are not taken.",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Fault(Code.malformed, "This is no JSON.") from None


def params_of(message: Message) -> Params:
    """What the method is told; raises ``Fault``."""
    if message.params is UNSET:
        return Params()
    try:
        return _params.decode(message.params)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Fault(Code.invalid_params, "The parameters are not understood.") from None


def text_of(raw: Raw | None) -> str | None:
    """The text that a piece of JSON is, if it is one."""
    try:
        found = None if raw is None else msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def result(message: Message, value: object) -> bytes:
    """The answer of a method."""
    return _encode({"jsonrpc": "2.0", "id": message.id, "result": value})


def refusal(message: Message | None, fault: Fault) -> bytes:
    """The answer to what cannot be done; without an id where none could be read."""
    error: dict[str, object] = {"code": fault.code, "message": fault.words}
    if fault.data is not None:
        error["data"] = fault.data
    found: dict[str, object] = {"jsonrpc": "2.0"}
    if message is not None and message.id is not UNSET:
        found["id"] = message.id
    return _encode({**found, "error": error})
