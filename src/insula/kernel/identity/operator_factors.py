"""Operators' second factor: an authenticator app, and backup codes for when it is lost.

The secret is sealed in the operator's row (S1-53); of backup codes MACs are kept. Who
guesses is slowed down by the row as well, so that more processes give no more tries.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from insula.kernel.database.pool import Connection, Record
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.identity.factors import totp
from insula.kernel.identity.factors.backup_codes import BackupCodes, new_codes
from insula.kernel.identity.factors.problems import (
    FactorExists,
    FactorMissing,
    FactorRefused,
    FactorThrottled,
)
from insula.kernel.tenancy.control import Control

PLACE = "system_admins.two_factor_secret"
PATIENCE = 5
"""Wrong codes in a row that cost nothing but the try."""
LONGEST_WAIT = timedelta(hours=1)

LOCK = """
SELECT id, email, two_factor_secret, two_factor_confirmed_at, two_factor_step,
       two_factor_failures, two_factor_failed_at, backup_codes, disabled_at
  FROM control.system_admins WHERE id = $1 FOR UPDATE
"""
BEGIN = """
UPDATE control.system_admins SET two_factor_secret = $2, two_factor_step = NULL,
       two_factor_confirmed_at = NULL, backup_codes = '[]' WHERE id = $1
"""
CONFIRM = """
UPDATE control.system_admins SET two_factor_confirmed_at = $2, two_factor_step = $3,
       backup_codes = $4, two_factor_failures = 0 WHERE id = $1
"""
ACCEPT = """
UPDATE control.system_admins SET two_factor_step = $2, backup_codes = $3,
       two_factor_failures = 0 WHERE id = $1
"""
FAIL = """
UPDATE control.system_admins SET two_factor_failed_at = $2,
       two_factor_failures = two_factor_failures + 1 WHERE id = $1
"""
AUDIT = """
INSERT INTO control.audit_logs (id, admin_id, action, resource_type, resource_id)
VALUES ($1, $2, $3, 'system_admins', $2::uuid::text)
"""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app must know; it is shown once."""

    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)


class Accepted(NamedTuple):
    """How a code was right: its method (RFC 8176 where there is one)."""

    method: str
    step: int | None
    codes: list[str]


@dataclass(frozen=True, slots=True)
class OperatorFactors:
    """The second factors of all operators."""

    control: Control
    sealer: Sealer
    codes: BackupCodes
    issuer: str
    clock: Clock = now

    async def begin(self, operator_id: UUID) -> Enrolment:
        """Give an operator a secret, which counts once it is confirmed."""
        async with self.control.transaction() as connection:
            row = await _locked(connection, operator_id)
            if row["two_factor_confirmed_at"] is not None:
                raise FactorExists
            secret = totp.new_secret()
            sealed = self.sealer.seal(operator_id, PLACE, secret)
            await connection.execute(BEGIN, operator_id, sealed)
        account = row["email"]
        uri = totp.enrolment_uri(secret, account=account, issuer=self.issuer)
        return Enrolment(totp.spelled(secret), uri)

    async def confirm(self, operator_id: UUID, code: str) -> tuple[str, ...]:
        """Have the app count from now on, if its code is right; answers backup codes."""
        async with self.control.transaction() as connection:
            row = await _locked(connection, operator_id)
            if row["two_factor_secret"] is None:
                raise FactorMissing
            if row["two_factor_confirmed_at"] is not None:
                raise FactorExists
            self._patient(row)
            step = self._step(row, code)
            if step is not None:
                return await self._confirmed(connection, operator_id, step)
            await connection.execute(FAIL, operator_id, self.clock())
        raise FactorRefused

    async def provide(self, operator_id: UUID) -> tuple[Enrolment, tuple[str, ...]]:
        """Give a secret that counts at once: whoever has a shell here hands it over."""
        enrolment = await self.begin(operator_id)
        async with self.control.transaction() as connection:
            await _locked(connection, operator_id)
            return enrolment, await self._confirmed(connection, operator_id, None)

    async def check(self, operator_id: UUID, code: str) -> str:
        """The method of a right code; raises ``FactorRefused`` and ``FactorThrottled``."""
        async with self.control.transaction() as connection:
            row = await _locked(connection, operator_id)
            self._patient(row)
            accepted = self._accepted(row, code)
            if accepted is None:
                await connection.execute(FAIL, operator_id, self.clock())
            else:
                left = accepted.step, accepted.codes
                await connection.execute(ACCEPT, operator_id, *left)
        if accepted is None:
            raise FactorRefused
        return accepted.method

    async def renew_codes(self, operator_id: UUID) -> tuple[str, ...]:
        """New backup codes instead of those there were."""
        async with self.control.transaction() as connection:
            row = await _locked(connection, operator_id)
            if row["two_factor_confirmed_at"] is None:
                raise FactorMissing
            return await self._confirmed(
                connection, operator_id, row["two_factor_step"], "admins.backup_codes"
            )

    async def _confirmed(
        self,
        connection: Connection,
        operator_id: UUID,
        step: int | None,
        action: str = "admins.factor_enrolled",
    ) -> tuple[str, ...]:
        codes = new_codes()
        kept = [self.codes.digest(operator_id, it) for it in codes]
        await connection.execute(CONFIRM, operator_id, self.clock(), step, kept)
        await connection.execute(AUDIT, uuid7(), operator_id, action)
        return codes

    def _step(self, row: Record, code: str) -> int | None:
        secret = self.sealer.open(row["id"], PLACE, row["two_factor_secret"])
        return totp.verify(secret, code, self.clock(), row["two_factor_step"])

    def _accepted(self, row: Record, code: str) -> Accepted | None:
        if row["two_factor_confirmed_at"] is None or row["disabled_at"] is not None:
            return None
        kept = msgspec.json.decode(row["backup_codes"], type=list[str])
        step = self._step(row, code)
        if step is not None:
            return Accepted("otp", step, kept)
        digest = self.codes.digest(row["id"], code)
        if digest in kept:
            left = [it for it in kept if it != digest]
            return Accepted("rcv", row["two_factor_step"], left)
        return None

    def _patient(self, row: Record) -> None:
        """Raise ``FactorThrottled`` while wrong codes of late forbid another try."""
        until = _locked_until(row["two_factor_failures"], row["two_factor_failed_at"])
        left = until - self.clock() if until is not None else timedelta()
        if left > timedelta():
            raise FactorThrottled(retry_after=int(left.total_seconds()) + 1)


def _locked_until(failures: int, failed_at: datetime | None) -> datetime | None:
    """When the next code is looked at: each wrong one doubles the wait, to an hour."""
    if failed_at is None or failures < PATIENCE:
        return None
    wait = timedelta(minutes=1) * 2 ** min(failures - PATIENCE, 10)
    until: datetime = failed_at + min(wait, LONGEST_WAIT)
    return until


async def _locked(connection: Connection, operator_id: UUID) -> Record:
    row = await connection.fetchrow(LOCK, operator_id)
    if row is None:
        raise NotFound
    return row
