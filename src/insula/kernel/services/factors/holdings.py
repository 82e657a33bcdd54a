"""Holdings: which second factors somebody has."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from insula.kernel.database.session import Session
from insula.kernel.services.factors.statements import HELD


class Method(StrEnum):
    """A way to prove who one is."""

    password = "password"  # noqa: S105  # a kind of proof
    totp = "totp"
    backup_code = "backup_code"
    passkey = "passkey"


AMR = {
    Method.password: "pwd",
    Method.totp: "otp",
    Method.backup_code: "rcv",
    Method.passkey: "hwk",
}
"""What sessions and tokens call the methods (RFC 8176 where it has a word)."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Somebody's confirmed factors; backup codes alone are none."""

    totp_since: datetime | None = None
    passkeys: int = 0
    backup_codes: int = 0

    def __bool__(self) -> bool:
        return self.totp_since is not None or self.passkeys > 0

    @property
    def methods(self) -> tuple[Method, ...]:
        """How they can prove who they are beyond a password, the best first."""
        there = {
            Method.passkey: self.passkeys > 0,
            Method.totp: self.totp_since is not None,
            Method.backup_code: bool(self) and self.backup_codes > 0,
        }
        return tuple(method for method, has in there.items() if has)


async def held_by(session: Session, user_id: UUID) -> Holdings:
    """The factors of a user."""
    rows = await session.fetch(HELD, user_id)
    return Holdings(**dict(rows[0])) if rows else Holdings()
