"""Eras: which revision of the protocol a request is in, and whether its headers agree.

Since 2026-07-28 each request says so itself, in its body and again in headers, which
may not differ: what a proxy decides by a header must be what we do. Before, a handshake
chose the revision; it is answered, and nothing is kept of it.
"""

import base64
import binascii
from collections.abc import Mapping
from enum import Enum

from msgspec import UNSET

from insula.kernel.services.mcp.messages import Code, Fault, Message, Params, text_of

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18")
SUPPORTED = (MODERN, *LEGACY)
META = "io.modelcontextprotocol/"
VERSION, ABILITIES = f"{META}protocolVersion", f"{META}clientCapabilities"
NAMED = ("tools/call",)
"""Methods whose ``params.name`` is said in a header as well."""
START, END = "=?base64?", "?="

Headers = Mapping[bytes, bytes]


class Era(Enum):
    """Whether a request stands for itself, or belongs to a handshake."""

    modern = "modern"
    legacy = "legacy"


def era_of(headers: Headers, message: Message, params: Params) -> Era:
    """The era of a request; raises ``Fault``."""
    told = _header(headers, b"mcp-protocol-version")
    meta = params.meta or {}
    said = text_of(meta.get(VERSION))
    for version in (told, said):
        if version is not None and version not in SUPPORTED:
            asked = {"supported": SUPPORTED, "requested": version[:40]}
            raise Fault(Code.version, "Unsupported protocol version.", data=asked)
    if said is None and told != MODERN:
        return Era.legacy
    if message.id is not UNSET:
        _check_modern(headers, message, params, (told, said))
    return Era.modern


def negotiated(wanted: object) -> str:
    """The revision that a handshake ends with."""
    return wanted if isinstance(wanted, str) and wanted in LEGACY else LEGACY[0]


def _check_modern(
    headers: Headers,
    message: Message,
    params: Params,
    versions: tuple[str | None, str | None],
) -> None:
    told, said = versions
    if said is None or ABILITIES not in (params.meta or {}):
        words = f"_meta must have {VERSION} and {ABILITIES}."
        raise Fault(Code.invalid_params, words)
    _agree("MCP-Protocol-Version", told, said)
    _agree("Mcp-Method", _header(headers, b"mcp-method"), message.method)
    if message.method in NAMED and params.name is not UNSET:
        _agree("Mcp-Name", _plain(_header(headers, b"mcp-name")), params.name)


def _agree(name: str, told: str | None, said: str) -> None:
    if told != said:
        words = f"The header {name} is missing, or the body says something else."
        raise Fault(Code.header_mismatch, words)


def _header(headers: Headers, name: bytes) -> str | None:
    found = headers.get(name)
    return None if found is None else found.decode("latin-1").strip()


def _plain(value: str | None) -> str | None:
    """The text that a header stands for."""
    if value is None or not (value.startswith(START) and value.endswith(END)):
        return value
    try:
        inner = value[len(START) : -len(END)]
        return base64.b64decode(inner, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
