"""The guard: connections to addresses that others choose, and only to public ones.

The name is resolved, every address that it has is checked, and the connection goes to
one of those very addresses: a name that changes its mind in between changes nothing.
TLS and the Host header still see the name.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from ssl import SSLContext

import httpcore2
import httpx2

from insula.kernel.events.webhooks.addresses import Address, Network, is_public
from insula.kernel.foundation.settings import Settings

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
SocketOptions = Iterable[httpcore2.SOCKET_OPTION]


class AddressRefused(httpcore2.ConnectError):
    """The address is not one that may be connected to."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, as the machine knows them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(it[4][0]) for it in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What may be connected to: https to public addresses on these ports.

    ``allow`` are networks of the operator's own that count as public; ``plain`` is
    whether http is allowed as well; ``ports`` None is any port.
    """

    allow: tuple[Network, ...] = ()
    ports: frozenset[int] | None = frozenset({80, 443})
    plain: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "Policy":
        """The policy that the operator chose."""
        return cls(
            allow=settings.webhook_allow,
            ports=frozenset(settings.webhook_ports),
            plain=settings.webhook_http,
        )

    def check(self, url: httpx2.URL) -> None:
        """Refuse what no address could make right; raises ``AddressRefused``."""
        if url.scheme != "https" and not (self.plain and url.scheme == "http"):
            raise AddressRefused("only https is allowed")
        if not url.host or url.userinfo:
            raise AddressRefused("the URL must name a host, and no user")
        port = url.port or (443 if url.scheme == "https" else 80)
        if self.ports is not None and port not in self.ports:
            raise AddressRefused(f"port {port} is not allowed")

    def admits(self, address: Address) -> bool:
        """Whether an address may be connected to."""
        return is_public(address) or any(
            address.version == network.version and address in network
            for network in self.allow
        )


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections to checked addresses alone."""

    def __init__(self, policy: Policy, resolve: Resolve) -> None:
        self._policy, self._resolve = policy, resolve
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(  # of the base
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of the host that answers."""
        failure: Exception = httpcore2.ConnectError("the host has no address")
        for address in await self._checked(host, port):
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Never: a socket of this machine is not public."""
        del path, timeout, socket_options
        raise AddressRefused("no socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def _checked(self, host: str, port: int) -> list[Address]:
        """The addresses of a host, if all of them are allowed."""
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError("the host is unknown") from error
        addresses = [ip_address(text) for text in found]
        if not all(self._policy.admits(address) for address in addresses):
            raise AddressRefused("the host has an address that is not public")
        return addresses


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """HTTP over guarded connections, each used once: no proxy, no environment."""

    def __init__(
        self, policy: Policy, resolve: Resolve = resolve, tls: SSLContext | None = None
    ) -> None:
        context = tls or httpx2.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        self._policy = policy
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=200,
            max_keepalive_connections=0,
            network_backend=GuardedBackend(policy, resolve),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request, if its URL may be asked at all."""
        try:
            self._policy.check(request.url)
        except AddressRefused as refused:
            raise httpx2.ConnectError(str(refused), request=request) from refused
        return await super().handle_async_request(request)


def guarded_client(
    policy: Policy, resolve: Resolve = resolve, tls: SSLContext | None = None
) -> httpx2.AsyncClient:
    """A client for URLs that others choose; it follows no redirect."""
    return httpx2.AsyncClient(
        transport=GuardedTransport(policy, resolve, tls),
        trust_env=False,
        follow_redirects=False,
    )
