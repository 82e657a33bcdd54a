"""Addresses: where the pages of tenants are, as mails and passkeys must know it."""


class Origins:
    """The origins of tenants' pages, of which the first is written into links."""

    def __init__(self, port: int | None = None) -> None:
        """With a port, hosts of this machine are also served without TLS there."""
        self._port = port

    def __call__(self, host: str) -> tuple[str, ...]:
        """The origins of a host's pages; browsers know passkeys on no others."""
        secure = f"https://{host}"
        local = host == "localhost" or host.endswith(".localhost")
        if self._port is None or not local:
            return (secure,)
        return f"http://{host}:{self._port}", secure

    def link(self, host: str, path: str) -> str:
        """The address of a page, as a mail says it."""
        return f"{self(host)[0]}{path}"
