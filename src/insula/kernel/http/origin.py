"""Origin: who sent a request, under which name, and how much of it a proxy may tell us."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network

import msgspec
import uuid_utils

from insula.kernel.foundation.errors import BadRequest
from insula.kernel.http.asgi import Scope

Headers = Collection[tuple[bytes, bytes]]

_is_request_id = re.compile(rb"[A-Za-z0-9._-]{8,64}").fullmatch
_match_host = re.compile(
    rb"((?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?|(\[[0-9A-Fa-f:.]{2,45}\]))"
    rb"(?::([0-9]{1,5}))?"
).fullmatch
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_MAX_HOST = 253


class HostMissing(BadRequest):
    """The request names no host."""

    code = "HOST_MISSING"


class HostInvalid(BadRequest):
    """The host that the request names cannot exist."""

    code = "HOST_INVALID"


class SchemeInvalid(BadRequest):
    """The forwarded scheme is neither http nor https."""

    code = "FORWARDED_PROTO_INVALID"


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Where a request came from; a struct, because one is made for every request."""

    request_id: str
    client: str
    scheme: str
    host: str
    port: int | None


class Proxies:
    """The proxies whose word about the real client is taken."""

    def __init__(self, cidrs: Iterable[str]) -> None:
        self._networks = tuple(ip_network(cidr) for cidr in cidrs)
        self._trusts = lru_cache(maxsize=4096)(self._lies_within)

    def origin(
        self, scope: Scope, found: Mapping[bytes, bytes], request_id: str
    ) -> Origin:
        """The origin of a request; a stranger's X-Forwarded-* headers are as good as absent."""
        if not (host := found.get(b"host")):
            raise HostMissing
        name, port = parse_host(host)
        peer = scope.get("client")
        client = canonical_address(peer[0]) if peer else ""
        scheme = _SCHEMES[scope.get("scheme", "http")]
        if self._networks and self._trusts(client):
            client = self._forwarded_client(scope["headers"], client)
            scheme = _forwarded_scheme(found, scheme)
            if forwarded := found.get(b"x-forwarded-host"):
                name, port = parse_host(forwarded)
        return Origin(request_id, client, scheme, name, port)

    def _forwarded_client(self, headers: Headers, peer: str) -> str:
        """Walk back from the nearest hop while each is trusted; what lies beyond is hearsay."""
        hops = b",".join(value for name, value in headers if name == b"x-forwarded-for")
        client = peer
        for hop in reversed(hops.decode("latin-1").split(",")):
            address = canonical_address(_without_port(hop.strip()))
            if not address:
                break
            client = address
            if not self._trusts(address):
                break
        return client

    def _lies_within(self, address: str) -> bool:
        return address != "" and any(
            ip_address(address) in known for known in self._networks
        )


def choose_request_id(found: Mapping[bytes, bytes]) -> str:
    """The caller's own request id if it is harmless in a log, else a new one."""
    given = found.get(b"x-request-id")
    if given is not None and _is_request_id(given):
        return given.decode("ascii")
    return f"req_{uuid_utils.uuid7().hex}"


@lru_cache(maxsize=1024)
def parse_host(value: bytes) -> tuple[str, int | None]:
    """The name in lower case and the port, if the header states one."""
    matched = _match_host(value)
    if matched is None:
        raise HostInvalid
    name = matched[1].decode("ascii").lower().removesuffix(".")
    port = int(matched[3]) if matched[3] else None
    if len(name) > _MAX_HOST or (port is not None and not 0 < port < 65536):
        raise HostInvalid
    if matched[2] and not canonical_address(name[1:-1]):
        raise HostInvalid
    return name, port


@lru_cache(maxsize=4096)
def canonical_address(text: str) -> str:
    """One spelling per address (an IPv4 address within IPv6 is IPv4), or "" for anything else."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def _forwarded_scheme(found: Mapping[bytes, bytes], direct: str) -> str:
    value = found.get(b"x-forwarded-proto")
    if value is None:
        return direct
    scheme = _SCHEMES.get(value.decode("latin-1").lower())
    if scheme is None:
        raise SchemeInvalid
    return scheme


def _without_port(hop: str) -> str:
    """Some gateways write 203.0.113.7:4711 or [2001:db8::7]:4711."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
