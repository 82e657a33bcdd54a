"""SMTP: mails handed to the operator's own mail server, over connections kept open.

The server is the operator's setting, never a tenant's: no request can choose a host.
"""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
from aiosmtplib import errors

from insula.kernel.mail.transports import (
    Envelope,
    PermanentRefusal,
    Refusal,
    TemporaryRefusal,
)

TIMEOUT = 15.0
MOST_CONNECTIONS = 4
MOST_MAILS = 100
"""Mails over one connection; servers end those that go on for ever."""
LONGEST_REST = 20.0
"""Seconds that a connection may rest; servers end idle ones after a minute or more."""
DEAD = re.compile(r"\b5\.1\.(?:1|2|3|6|10)\b|\b5\.2\.1\b")
"""Enhanced status codes of addresses that are not there (RFC 3463, RFC 7505)."""
ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
DEAD_REPLIES = frozenset({550, 551, 553})
"""Replies to a recipient that mean as much where no enhanced code is given."""
OUR_FAULT = frozenset({530, 534, 535, 538})
"""Replies that are about how we sign in: an operator puts that right, then mails go."""

Tls = Literal["starttls", "implicit", "none"]
PORTS: dict[Tls, int] = {"starttls": 587, "implicit": 465, "none": 25}


class BadSmtpUrl(ValueError):
    """The address of the mail server is malformed; the message never repeats it."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where the mail server is, how the line is protected, and who signs in."""

    host: str
    port: int
    tls: Tls = "starttls"
    user: str | None = None
    password: str | None = None
    context: ssl.SSLContext | None = None

    @classmethod
    def at(cls, url: str) -> "SmtpServer":
        """The server of ``smtp://user:password@host:587?tls=starttls``.

        ``tls`` is ``starttls`` unless the scheme is ``smtps``; ``none`` must be said.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise BadSmtpUrl("INSULA_SMTP_URL is no address of a server") from None
        chosen = parse_qs(parts.query).get("tls", [""])[-1]
        usual = "implicit" if parts.scheme == "smtps" else "starttls"
        tls = next((it for it in PORTS if it == (chosen or usual)), None)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or tls is None:
            raise BadSmtpUrl(
                "INSULA_SMTP_URL is smtp://user:password@host:port?tls=starttls, with"
                " tls one of starttls, implicit, none"
            )
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, port or PORTS[tls], tls, user, password)


@dataclass(slots=True)
class Line:
    """A connection to the server, and how much it has been used."""

    client: aiosmtplib.SMTP
    mails: int = 0
    rested_at: float = 0.0

    @property
    def good(self) -> bool:
        """Whether it may carry another mail."""
        rested = time.monotonic() - self.rested_at
        return (
            self.client.is_connected
            and self.mails < MOST_MAILS
            and rested < LONGEST_REST
        )


class Smtp:
    """Hands mails to the server; a connection is used again while it is good."""

    def __init__(
        self, server: SmtpServer, *, connections: int = MOST_CONNECTIONS
    ) -> None:
        self._server = server
        self._free = asyncio.Semaphore(connections)
        self._lines: list[Line] = []

    async def send(self, envelope: Envelope) -> None:
        """Hand one mail over; raises ``TemporaryRefusal`` and ``PermanentRefusal``."""
        async with self._free, self._line() as line:
            try:
                await line.client.sendmail(
                    envelope.sender, [envelope.recipient], envelope.content
                )
            except errors.SMTPException as error:
                raise refusal_of(error) from None
            except OSError as error:
                raise TemporaryRefusal(f"connection lost: {error}") from None
            line.mails += 1

    async def close(self) -> None:
        """End every connection that rests."""
        lines, self._lines = self._lines, []
        for line in lines:
            await _end(line.client)

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[Line]:
        """A connection for one mail; after a lost or strange one it is not kept."""
        line = await self._rested() or Line(await self._connect())
        try:
            yield line
        except PermanentRefusal:
            await self._rest(line)
            raise
        except BaseException:
            line.client.close()
            raise
        await self._rest(line)

    async def _rested(self) -> Line | None:
        while self._lines:
            line = self._lines.pop()
            if line.good:
                return line
            await _end(line.client)
        return None

    async def _rest(self, line: Line) -> None:
        line.rested_at = time.monotonic()
        if line.good:
            self._lines.append(line)
        else:
            await _end(line.client)

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=TIMEOUT,
            use_tls=server.tls == "implicit",
            start_tls=server.tls == "starttls",
            username=server.user,
            password=server.password,
            tls_context=None if server.tls == "none" else server.context,
        )
        try:
            await client.connect()
        except (errors.SMTPException, OSError) as error:
            client.close()
            raise TemporaryRefusal(f"no connection: {_said(error)}") from None
        return client


async def _end(client: aiosmtplib.SMTP) -> None:
    try:
        await client.quit()
    except (errors.SMTPException, OSError):
        client.close()


def refusal_of(error: errors.SMTPException) -> Refusal:
    """What an error of the client means for the mail."""
    if isinstance(error, errors.SMTPRecipientsRefused) and error.recipients:
        return _of_reply(error.recipients[0], to_recipient=True)
    if isinstance(error, errors.SMTPResponseException):
        to_recipient = isinstance(error, errors.SMTPRecipientRefused)
        return _of_reply(error, to_recipient=to_recipient)
    return TemporaryRefusal(_said(error))


def _of_reply(error: errors.SMTPResponseException, *, to_recipient: bool) -> Refusal:
    reason = _said(error)
    if error.code < 500 or error.code in OUR_FAULT:
        return TemporaryRefusal(reason)
    is_dead = to_recipient and means_dead(error.code, error.message)
    return PermanentRefusal(reason, address_is_dead=is_dead)


def means_dead(code: int, words: str) -> bool:
    """Whether a reply to a recipient says that nobody is there.

    The enhanced code decides where there is one: 550 5.7.1 refuses the sender.
    """
    if ENHANCED.search(words):
        return DEAD.search(words) is not None
    return code in DEAD_REPLIES


def _said(error: Exception) -> str:
    if isinstance(error, errors.SMTPAuthenticationError):
        return f"{error.code} the server refused our credentials"
    if isinstance(error, errors.SMTPResponseException):
        return f"{error.code} {error.message}"
    return f"{type(error).__name__}: {error}"
