"""The mailbox of development: mails as files, one folder a tenant, sent to nobody."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.mail.inbound import InboundMail, read_mail
from insula.kernel.mail.transports import Envelope

FOLDER = "mailbox"
PLATFORM = "platform"
"""The folder of mails that belong to no tenant."""


class NoSuchMail(NotFound):
    """There is no such mail in the mailbox."""

    code = "MAIL_UNKNOWN"


class Directory:
    """Writes each mail to ``<root>/<tenant>/new/<key>.eml``, whole or not at all.

    A mail that is sent twice is there once: its name is its key.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    async def send(self, envelope: Envelope) -> None:
        """Put the mail into its tenant's folder."""
        await asyncio.to_thread(self._write, envelope)

    def _write(self, envelope: Envelope) -> None:
        folder = self._root / str(envelope.tenant_id or PLATFORM)
        for place in (self._root, folder, folder / "tmp", folder / "new"):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = folder / "tmp" / secrets.token_hex(8)
        fresh.touch(mode=0o600)
        with fresh.open("wb") as file:
            file.write(envelope.content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / "new" / f"{envelope.key}.eml")

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A mail in the mailbox, as a list shows it."""

    key: UUID
    tenant: str
    at: datetime | None
    sender: str
    to: str
    subject: str


class Mailbox:
    """Reads what ``Directory`` wrote."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def latest(self, limit: int = 100) -> list[Kept]:
        """The latest mails of all tenants, the newest first."""
        return [self._kept(path) for path in self._newest()[:limit]]

    def show(self, number: int) -> InboundMail:
        """The mail at a place of the list, counted from 1; raises ``NoSuchMail``."""
        newest = self._newest()
        if not 1 <= number <= len(newest):
            raise NoSuchMail
        return read_mail(newest[number - 1].read_bytes())

    def read(self, tenant: str, key: str) -> InboundMail:
        """One mail by its folder and key; raises ``NoSuchMail``."""
        if tenant != PLATFORM and parse_uuid(tenant) is None:
            raise NoSuchMail
        if parse_uuid(key) is None:
            raise NoSuchMail
        try:
            raw = (self._root / tenant / "new" / f"{key}.eml").read_bytes()
        except OSError:
            raise NoSuchMail from None
        return read_mail(raw)

    def _newest(self) -> list[Path]:
        """Every mail; keys are UUIDv7, so that their order is that of time."""
        return sorted(self._paths(), key=lambda path: path.stem, reverse=True)

    def _paths(self) -> Iterator[Path]:
        for path in self._root.glob("*/new/*.eml"):
            if parse_uuid(path.stem) is not None:
                yield path

    @staticmethod
    def _kept(path: Path) -> Kept:
        mail = read_mail(path.read_bytes())
        return Kept(
            key=UUID(path.stem),
            tenant=path.parents[1].name,
            at=mail.date,
            sender=mail.sender,
            to=", ".join(mail.to),
            subject=mail.subject,
        )
