"""A verifier of exports written from docs/reference/audit-chain.md alone.

It shares no line with ours, and answers in as few words as possible: which entries and
which links do not fit.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

ZERO = "00000000-0000-0000-0000-000000000000"
FIXED = [
    "tenant_id",
    "id",
    "created_at",
    "action",
    "resource",
    "resource_id",
    "actor_kind",
    "actor_id",
    "request_id",
]


def packed(*fields: object) -> bytes:
    out = b""
    for it in fields:
        raw = str(it).encode()
        out += b"~," if it is None else str(len(raw)).encode() + b":" + raw + b","
    return out


def moment(text: str) -> int:
    beginning = datetime(1970, 1, 1, tzinfo=UTC)
    return (datetime.fromisoformat(text) - beginning) // timedelta(microseconds=1)


def digest(entry: dict[str, Any], committed: bytes) -> bytes:
    fields = {**entry, "created_at": moment(entry["created_at"])}
    fixed = [fields[it] for it in FIXED]
    if entry["via"] is not None:
        fixed.append(entry["via"])
    return hashlib.sha256(packed(*fixed) + committed).digest()


def commitment(entry: dict[str, Any], salt: bytes) -> bytes:
    content = packed(entry["client"], entry["user_agent"], entry["changes"])
    return hashlib.sha256(salt + content).digest()


def link_hash(link: dict[str, Any], before: bytes) -> bytes:
    head = packed(
        *("insula-audit-1", link["tenant_id"], link["number"], link["kind"]),
        *(moment(link["created_at"]), link["last_id"], link["floor"]),
        len(link["entries"]),
    )
    body = b"".join(UUID(it).bytes for it in link["entries"])
    if link["kind"] == "entries":
        body = b"".join(base64.b64decode(it) for it in link["digests"])
    return hashlib.sha256(head + before + body).digest()


def parts(link: dict[str, Any]) -> Iterator[tuple[str, bytes, bytes, bytes]]:
    lists = ([base64.b64decode(it) for it in link[name]] for name in PARTS)
    return zip(link["entries"], *lists, strict=True)


def fits(
    entry: dict[str, Any], sealed: tuple[bytes, bytes, bytes], erased: set[str]
) -> bool:
    salt, committed, known = sealed
    opened = entry["id"] in erased
    if salt:
        opened = commitment(entry, salt) == committed
    return opened and digest(entry, committed) == known


def misfits(file: Iterable[bytes]) -> set[str | int]:
    """Ids of entries and numbers of links that do not fit."""
    lines = [json.loads(line) for line in file]
    entries = {it["entry"]["id"]: it["entry"] for it in lines if "entry" in it}
    links = [it["link"] for it in lines if "link" in it]
    expired = max((it["last_id"] for it in links if it["kind"] == "expiry"), default="")
    erased = {e for it in links if it["kind"] == "erasure" for e in it["entries"]}
    found: set[str | int] = set()
    before, seen, floor = bytes(32), set(), ZERO
    for number, link in enumerate(links, start=1):
        kept = base64.b64decode(link["hash"])
        if link["number"] != number or link_hash(link, before) != kept:
            found.add(link["number"])
        before, floor = kept, link["floor"]
        for entry_id, salt, committed, known in (
            parts(link) if link["kind"] == "entries" else ()
        ):
            seen.add(entry_id)
            entry = entries.get(entry_id)
            gone = entry is None and entry_id >= expired
            if gone or (entry and not fits(entry, (salt, committed, known), erased)):
                found.add(entry_id)
    return found | {it for it in entries if it not in seen and it < floor}


PARTS = ("salts", "commitments", "digests")
