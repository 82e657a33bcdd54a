"""One-time tokens: what a mail carries, good once and for a while."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Index, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import Holds, Json, column, holding
from insula.kernel.database.model import TenantRow
from insula.kernel.database.personal import PERSON, About, Erasure
from insula.kernel.database.session import Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Problem, Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.opaque import OpaqueTokens

PREFIX = "inst"

ISSUE = Statement(
    """INSERT INTO home__.one_time_tokens
       (tenant_id, id, created_at, purpose, subject_id, token_hash, expires_at, data)
VALUES ($1::text::uuid, $2::uuid, $3::timestamptz, $4::varchar, $5::uuid, $6::varchar,
       $7::timestamptz, $8::text::jsonb)"""
)
# Whoever comes second waits for the row and finds it used.
REDEEM = Statement(
    """UPDATE home__.one_time_tokens SET used_at = $5::timestamptz
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid AND token_hash = $3::varchar
   AND purpose = $4::varchar AND used_at IS NULL AND expires_at > $5::timestamptz
RETURNING subject_id, data, created_at"""
)
LOOK = Statement(
    """SELECT subject_id, data, created_at FROM home__.one_time_tokens
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid AND token_hash = $3::varchar
   AND purpose = $4::varchar AND used_at IS NULL AND expires_at > $5::timestamptz
   FOR UPDATE"""
)
KEEP = Statement(
    """UPDATE home__.one_time_tokens SET data = $3::text::jsonb
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid"""
)
WITHDRAW = Statement(
    """UPDATE home__.one_time_tokens SET used_at = $4::timestamptz
 WHERE tenant_id = $1::text::uuid AND purpose = $2::varchar AND subject_id = $3::uuid
   AND used_at IS NULL"""
)
PRUNE = Statement(
    """DELETE FROM home__.one_time_tokens
 WHERE tenant_id = $1::text::uuid AND expires_at < $2::timestamptz"""
)


class OneTimeToken(TenantRow):
    """A token that was sent to somebody; the row of its subject says to whom."""

    __tablename__ = "one_time_tokens"
    __table_args__ = (
        Index("ix_one_time_tokens_subject", "tenant_id", "subject_id", "purpose"),
        Index("ix_one_time_tokens_expires", "tenant_id", "expires_at"),
        {"info": {PERSON: About("subject_id", Erasure.delete)}},
    )

    purpose: Mapped[str] = mapped_column(String(30), info=holding(Holds.nothing))
    subject_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    token_hash: Mapped[str] = mapped_column(String(64), info=holding(Holds.secret))
    expires_at: Mapped[datetime] = column()
    used_at: Mapped[datetime | None] = column(default=None)
    data: Mapped[Json] = column(default={}, holds=Holds.text)


class TokenSpent(Problem):
    """This link or code is not good: it was used, replaced, or has expired."""

    status = 410
    code = "TOKEN_INVALID"


class OneTime(NamedTuple):
    """What a token that was good is about."""

    id: UUID
    subject_id: UUID | None
    data: Mapping[str, Any]
    created_at: datetime


class OneTimeTokens:
    """Issues and redeems the one-time tokens of all tenants; each of one purpose."""

    def __init__(self, key: bytes) -> None:
        self._tokens = OpaqueTokens(key, PREFIX)

    async def issue(
        self,
        transaction: Transaction,
        purpose: str,
        subject_id: UUID | None,
        lifetime: timedelta,
        data: Mapping[str, Any] | None = None,
    ) -> str:
        """A token that is there once the transaction commits."""
        row_id, moment = uuid7(), now()
        token = self._tokens.make(transaction.tenant_id, row_id)
        hashed, until = self._tokens.hash(token), moment + lifetime
        kept = msgspec.json.encode(data or {}).decode()
        row = row_id, moment, purpose, subject_id, hashed, until, kept
        await transaction.fetch(ISSUE, *row)
        return token

    async def redeem(
        self, transaction: Transaction, purpose: str, token: str
    ) -> OneTime:
        """Use a token up, once whoever else comes with it; raises ``TokenSpent``."""
        return await self._find(REDEEM, transaction, purpose, token)

    async def look(self, transaction: Transaction, purpose: str, token: str) -> OneTime:
        """What a token is about, locked and not used up; raises ``TokenSpent``."""
        return await self._find(LOOK, transaction, purpose, token)

    async def keep(
        self, transaction: Transaction, token_id: UUID, data: Mapping[str, Any]
    ) -> None:
        """Keep other data with a token that was looked at, such as a count of guesses."""
        kept = msgspec.json.encode(data).decode()
        await transaction.fetch(KEEP, token_id, kept)

    async def withdraw(
        self, transaction: Transaction, purpose: str, subject_id: UUID
    ) -> None:
        """Make all of a subject's tokens of a purpose useless."""
        await transaction.fetch(WITHDRAW, purpose, subject_id, now())

    async def _find(
        self, how: Statement, transaction: Transaction, purpose: str, token: str
    ) -> OneTime:
        try:
            read = self._tokens.read(token)
        except Unauthenticated:
            raise TokenSpent from None
        if read.tenant_id != transaction.tenant_id:
            raise TokenSpent
        rows = await transaction.fetch(how, read.row_id, read.hash, purpose, now())
        if not rows:
            raise TokenSpent
        row = rows[0]
        data = msgspec.json.decode(row["data"])
        return OneTime(read.row_id, row["subject_id"], data, row["created_at"])


async def prune_tokens(transaction: Transaction) -> None:
    """Forget tokens that have expired a day ago."""
    await transaction.fetch(PRUNE, now() - timedelta(days=1))
