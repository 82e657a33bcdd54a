"""Contacts' sessions: the statements that sign them in and out at the portal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from insula.kernel.access.actor import SYSTEM_ROLES
from insula.kernel.database.pool import Record
from insula.kernel.database.session import CONTEXT, Session, Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.sessions import (
    HELD,
    Account,
    Ending,
    Failure,
    Held,
    Opening,
    Origin,
    SignIn,
    Turn,
    held,
)

ACCOUNT = (
    "c.id, c.email, c.name, c.role, c.password, c.disabled_at, c.created_at,"
    " c.verified_at"
)
AUDIT = (
    "INSERT INTO home__.audit_log (tenant_id, id, created_at, action, resource,"
    " resource_id, actor_kind, actor_id, request_id, client, user_agent, changes)"
)
OF_SESSION = (
    "home__.contact_sessions s JOIN home__.contacts c"
    " ON c.tenant_id = s.tenant_id AND c.id = s.contact_id"
)


def _one(condition: str) -> Statement:
    return Statement(
        f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT {ACCOUNT} FROM home__.contacts c WHERE c.tenant_id = ctx.tenant_id
       AND {condition} AND c.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
    )


FIND, GET = _one("c.email = $2::varchar"), _one("c.id = $2::uuid")
ACTIVE = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT {ACCOUNT}, s.factors, s.proved_at FROM {OF_SESSION}
     WHERE s.tenant_id = ctx.tenant_id AND c.tenant_id = ctx.tenant_id
       AND s.id = $2::uuid AND s.contact_id = $3::uuid
       AND s.revoked_at IS NULL AND s.expires_at > $4::timestamptz
       AND c.disabled_at IS NULL AND c.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)
# The row is carried through a locking sub-query, because PostgreSQL evaluates the
# policy of an UPDATE's own table before the context is set.
OPEN = Statement(
    f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT c.tenant_id, c.id FROM home__.contacts c
         WHERE c.tenant_id = ctx.tenant_id AND c.id = $2::uuid
           AND c.password IS NOT DISTINCT FROM $3::text AND c.disabled_at IS NULL
           AND c.deleted_at IS NULL LIMIT 1 FOR UPDATE) o),
known AS (
    UPDATE home__.contacts c SET password = COALESCE($4::text, c.password),
           last_login_at = $5::timestamptz
      FROM old WHERE (SELECT true FROM old)
       AND c.tenant_id = old.tenant_id AND c.id = old.id
    RETURNING c.tenant_id, c.id),
opened AS (
    INSERT INTO home__.contact_sessions (tenant_id, id, created_at, contact_id,
           refresh_hash, generation, expires_at, client, user_agent, factors, proved_at)
    SELECT known.tenant_id, $6::uuid, $5::timestamptz, known.id, $7::varchar, 0,
           $8::timestamptz, $9::varchar, $12::varchar, $13::text::jsonb,
           $5::timestamptz FROM known),
audit AS (
    {AUDIT} SELECT known.tenant_id, $10::uuid, $5::timestamptz, 'auth.login',
           'contact_sessions', $6::uuid, 'contact', known.id, $11::varchar,
           $9::varchar, $12::varchar, jsonb_build_object('factors', $13::text::jsonb)
      FROM known)
SELECT 1 FROM known"""  # noqa: S608  # our names
)
FAIL = Statement(
    f"""WITH {CONTEXT}, audit AS (
    {AUDIT} SELECT ctx.tenant_id, $2::uuid, $3::timestamptz, 'auth.login_failed',
           'contacts', $4::uuid, 'visitor', NULL, $5::varchar, $6::varchar,
           $7::varchar, jsonb_build_object('reason', $8::text) FROM ctx)
SELECT 1 FROM ctx"""  # noqa: S608  # our names
)
HOLD = Statement(
    f"""SELECT {HELD}, {ACCOUNT} FROM {OF_SESSION}
 WHERE s.tenant_id = $1::uuid AND c.tenant_id = $1::uuid AND s.id = $2::uuid
   AND c.deleted_at IS NULL FOR UPDATE OF s"""  # noqa: S608  # our names
)
ROTATE = Statement(
    """UPDATE home__.contact_sessions SET generation = $3::bigint,
       refresh_hash = $4::varchar, rotated_at = $5::timestamptz,
       expires_at = $6::timestamptz, client = $7::varchar
 WHERE tenant_id = $1::uuid AND id = $2::uuid"""
)
END = Statement(
    f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT s.tenant_id, s.id FROM home__.contact_sessions s
         WHERE s.tenant_id = ctx.tenant_id AND s.id = $2::uuid
           AND s.revoked_at IS NULL LIMIT 1 FOR UPDATE) o),
ended AS (
    UPDATE home__.contact_sessions s SET revoked_at = $3::timestamptz
      FROM old WHERE (SELECT true FROM old)
       AND s.tenant_id = old.tenant_id AND s.id = old.id
    RETURNING s.tenant_id, s.id, s.contact_id),
audit AS (
    {AUDIT} SELECT ended.tenant_id, $4::uuid, $3::timestamptz, $5::varchar,
           'contact_sessions', ended.id, 'contact', ended.contact_id, $6::varchar,
           $7::varchar, $8::varchar, '{{}}'::jsonb FROM ended)
SELECT 1 FROM ended"""  # noqa: S608  # our names
)
END_ALL = Statement(
    """UPDATE home__.contact_sessions SET revoked_at = $3::timestamptz
 WHERE tenant_id = $1::text::uuid AND contact_id = $2::uuid AND revoked_at IS NULL"""
)


def _account(row: Record) -> Account:
    return Account(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        password=row["password"],
        disabled=row["disabled_at"] is not None,
        roles=(row["role"],),
        grants=frozenset(SYSTEM_ROLES.get(row["role"], ())),
        verified=row["verified_at"],
        created=row["created_at"],
    )


class ContactHold:
    """A locked session of a contact."""

    def __init__(
        self, transaction: Transaction, session: UUID, row: Held | None
    ) -> None:
        self._transaction, self._session, self.row = transaction, session, row

    async def rotate(self, turn: Turn) -> None:
        """Give it the next refresh token."""
        await self._transaction.fetch(ROTATE, self._session, *turn)

    async def end(self, ending: Ending, origin: Origin) -> None:
        """Revoke it, with everything that was issued for it."""
        values = self._session, now(), uuid7(), ending.value, *origin
        await self._transaction.fetch(END, *values)


class ContactSessions:
    """The contacts of one tenant and their sessions."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def _one(self, statement: Statement, *args: object) -> Account | None:
        rows = await self._session.fetch(statement, *args)
        return _account(rows[0]) if rows else None

    async def find(self, email: str) -> Account | None:
        """The contact of an address in lower case."""
        return await self._one(FIND, email)

    async def get(self, account: UUID) -> Account | None:
        """The contact of that id."""
        return await self._one(GET, account)

    async def active(self, session: UUID, subject: UUID) -> SignIn | None:
        """Whose session it is and how it began, if both are good at this moment."""
        rows = await self._session.fetch(ACTIVE, session, subject, now())
        if not rows:
            return None
        proved = rows[0]["proved_at"]
        return SignIn(
            _account(rows[0]),
            factors=msgspec.json.decode(rows[0]["factors"], type=tuple[str, ...]),
            proved=None if proved is None else proved.timestamp(),
        )

    async def open(self, account: Account, opening: Opening, origin: Origin) -> bool:
        """Begin the session and note it, or nothing."""
        rows = await self._session.fetch(
            OPEN,
            account.id,
            account.password,
            opening.password,
            opening.at,
            opening.session,
            opening.refresh_hash,
            opening.expires_at,
            origin.client,
            uuid7(),
            origin.request_id,
            origin.user_agent,
            msgspec.json.encode(opening.factors).decode(),
        )
        return bool(rows)

    async def fail(
        self, account: Account | None, reason: Failure, origin: Origin
    ) -> None:
        """Note a sign-in that failed: for whom, but never what was typed."""
        target = None if account is None else account.id
        await self._session.fetch(FAIL, uuid7(), now(), target, *origin, reason.value)

    @asynccontextmanager
    async def hold(self, session: UUID) -> AsyncIterator[ContactHold]:
        """Lock a session until the block ends."""
        async with self._session.transaction() as transaction:
            rows = await transaction.fetch(HOLD, session)
            row = held(_account(rows[0]), rows[0]) if rows else None
            yield ContactHold(transaction, session, row)

    async def end(self, session: UUID, ending: Ending, origin: Origin) -> None:
        """Revoke a session, once; nothing happens if it has ended."""
        await self._session.fetch(END, session, now(), uuid7(), ending.value, *origin)
