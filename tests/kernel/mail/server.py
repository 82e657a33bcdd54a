"""A real mail server for tests, on this machine alone."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from insula.kernel.mail.smtp import SmtpServer

Answer = str


@dataclass
class Inbox:
    """What the server was sent, and what it answers to a recipient and to a mail."""

    port: int = 0
    mails: list[bytes] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)
    connections: int = 0
    secured: int = 0
    to_recipient: list[Answer] = field(default_factory=list)
    to_mail: list[Answer] = field(default_factory=list)

    def server(self, **more: Any) -> SmtpServer:
        """How it is reached; without TLS unless said otherwise."""
        return SmtpServer("127.0.0.1", self.port, **{"tls": "none", **more})

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, to: str, ___: list[str]
    ) -> Answer:
        """A recipient is named."""
        answer = self.to_recipient.pop(0) if self.to_recipient else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(to)
        return answer

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, _: SMTP, session: Session, envelope: Envelope
    ) -> Answer:
        """A mail is there."""
        answer = self.to_mail.pop(0) if self.to_mail else "250 OK"
        if answer.startswith("250"):
            assert isinstance(envelope.original_content, bytes)
            self.mails.append(envelope.original_content)
            self.secured += session.ssl is not None
        return answer

    def authenticate(self, *given: Any) -> AuthResult:
        """Somebody signs in."""
        login = given[-1]
        self.logins.append(login.login + b":" + login.password)
        return AuthResult(success=login.password == b"right")


@asynccontextmanager
async def serving(
    context: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[Inbox]:
    """The server, listening on a port of its own."""
    inbox = Inbox()
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        inbox.connections += 1
        return SMTP(
            inbox,
            hostname="mail.test",
            loop=loop,
            tls_context=context,
            authenticator=inbox.authenticate,
            **options,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()
