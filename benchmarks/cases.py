"""The cases: what is asked of the platform, and the same of the floor."""

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.load import SERIAL, Expected, Requests

OPERATIONS = ("list", "create")
HOMES = ("shared", "schema", "database")
ROWS = 2_000
"""Assets of each tenant that is asked for by itself."""
SPREAD, SPREAD_ROWS = 1_000, 60
"""Shared tenants over which requests are spread, and the assets of each."""

# Every answered row has this member once, and nothing else has it.
ROW = b'"created_at":'
LISTED = Expected(status=200, text=ROW, times=20)
CREATED = Expected(status=201, text=ROW, times=1)


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a request speaks to, and as whom."""

    host: str
    token: str


@dataclass(frozen=True, slots=True)
class Side:
    """A running server, its two paths, and tenants with rows: one a home, and many."""

    port: int
    server_pid: int
    list_path: str
    create_path: str
    tenants: Mapping[str, Target]
    spread: Sequence[Target]


@dataclass(frozen=True, slots=True)
class Case:
    """One operation on one kind of home."""

    operation: str
    home: str

    @property
    def expected(self) -> Expected:
        """What every answer must be."""
        return LISTED if self.operation == "list" else CREATED

    def requests(self, side: Side) -> Requests:
        """What a side is asked; no two runs create the same asset."""
        if self.operation == "create":
            return _creating(side.tenants[self.home], side.create_path)
        if self.home == "spread":
            return _listing(side.spread, side.list_path)
        return _listing([side.tenants[self.home]], side.list_path)


CASES = (
    *(Case("list", home) for home in (*HOMES, "spread")),
    *(Case("create", home) for home in HOMES),
)


def _listing(targets: Sequence[Target], path: str) -> Requests:
    heads = [_head("GET", path, target) + b"\r\n" for target in targets]
    # Sorted by nothing that an index could use, and the same in every run.
    random.Random(len(heads)).shuffle(heads)  # noqa: S311  # no secret
    return Requests(tuple(heads))


def _creating(target: Target, path: str) -> Requests:
    batch = secrets.token_hex(4).encode()
    body = b'{"name": "Pump %s", "tag": "%s-%s"}' % (SERIAL, batch, SERIAL)
    length = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return Requests((_head("POST", path, target) + length + b"\r\n",), body)


def _head(method: str, path: str, target: Target) -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: {target.host}\r\n"
        f"Authorization: Bearer {target.token}\r\nAccept: application/json\r\n"
    ).encode()
