"""CORS: which pages of other sites may have their scripts call a tenant's API.

Each tenant names them in its security policy. Without a page there, nothing is said,
which to browsers means no. Cookies are never taken from elsewhere, so credentials are
not allowed for: a page of another site brings a token of its own.
"""

from insula.kernel.foundation.errors import Problem
from insula.kernel.http.refusals import AWAY
from insula.kernel.http.request import Request
from insula.kernel.http.walk import Hosts
from insula.kernel.tenancy.directory import Directory

METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
SENT = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match,"
    b" Last-Event-ID, Range, X-Request-ID"
)
EXPOSED = (
    b"Accept-Ranges, Content-Disposition, Content-Language, Content-Range, ETag,"
    b" Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After,"
    b" X-Request-ID"
)
LASTS = b"600"
"""Seconds for which a browser need not ask again; an origin taken away ends sooner."""
VARIES = (b"vary", b"Origin")
ASKING = frozenset({b"origin", b"access-control-request-method"})
"""What a browser sends that asks before it calls."""
ASKING_VARIES = b"Access-Control-Request-Method, Access-Control-Request-Headers"

Headers = list[tuple[bytes, bytes]]


class Cors:
    """Knows the origins of the tenants; what a request sends is only compared."""

    def __init__(self, hosts: Hosts, directory: Directory) -> None:
        self._hosts, self._directory = hosts, directory

    async def preflight(self, request: Request) -> Headers | None:
        """The answer to a browser that asks before it calls; None: it gets none.

        Nobody is authenticated, and no operation is looked for: the answer is the same
        for every address.
        """
        if request.method != "OPTIONS" or not ASKING.issubset(request.headers):
            return None
        origin = await self._known(request)
        if origin is None:
            return None
        return [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", SENT),
            (b"access-control-max-age", LASTS),
            (b"vary", ASKING_VARIES),
        ]

    async def headers(self, request: Request) -> Headers:
        """What the answer to a request with an origin says besides."""
        origin = await self._known(request)
        if origin is None:
            return [VARIES]
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", EXPOSED),
            VARIES,
        ]

    async def _known(self, request: Request) -> bytes | None:
        """The origin as the tenant of this host has written it down, if it has."""
        host = request.origin.host
        if host == self._hosts.admin or self._hosts.central(host):
            return None
        try:
            tenant = await self._directory.at_host(host)
        except (Problem, *AWAY):
            return None
        given = request.headers[b"origin"]
        for known in tenant.policy.cors_origins:
            if known.encode() == given:
                return known.encode()
        return None
