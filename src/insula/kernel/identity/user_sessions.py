"""Users' sessions: the statements that sign a tenant's users in and out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from insula.kernel.access.roles import RIGHTS, RoleBook
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
    "u.id, u.email, u.name, u.avatar, u.password, u.roles, u.disabled_at, u.created_at,"
    " u.email_verified_at, u.second_factor_at, u.locale,"
    f" {RIGHTS}"
)
SIGN_IN = "s.factors, s.proved_at, s.client_id, s.scopes"
AUDIT = (
    "INSERT INTO home__.audit_log (tenant_id, id, created_at, action, resource,"
    " resource_id, actor_kind, actor_id, request_id, client, user_agent, changes)"
)

FIND = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT {ACCOUNT} FROM home__.users u
     WHERE u.tenant_id = ctx.tenant_id AND u.email = $2::varchar
       AND u.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)
GET = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT {ACCOUNT} FROM home__.users u
     WHERE u.tenant_id = ctx.tenant_id AND u.id = $2::uuid
       AND u.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)
ACTIVE = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT {ACCOUNT}, {SIGN_IN} FROM home__.sessions s JOIN home__.users u
        ON u.tenant_id = s.tenant_id AND u.id = s.user_id
     WHERE s.tenant_id = ctx.tenant_id AND u.tenant_id = ctx.tenant_id
       AND s.id = $2::uuid AND s.user_id = $3::uuid AND s.kind <> 'cookie'
       AND s.revoked_at IS NULL AND s.expires_at > $4::timestamptz
       AND u.disabled_at IS NULL AND u.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)
COOKIE = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT {ACCOUNT}, {SIGN_IN} FROM home__.sessions s JOIN home__.users u
        ON u.tenant_id = s.tenant_id AND u.id = s.user_id
     WHERE s.tenant_id = ctx.tenant_id AND u.tenant_id = ctx.tenant_id
       AND s.id = $2::uuid AND s.refresh_hash = $3::varchar AND s.kind = 'cookie'
       AND s.revoked_at IS NULL AND s.expires_at > $4::timestamptz
       AND u.disabled_at IS NULL AND u.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)
# The row is carried through a locking sub-query, because PostgreSQL evaluates the
# policy of an UPDATE's own table before the context is set.
OPEN = Statement(
    f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT u.tenant_id, u.id FROM home__.users u
         WHERE u.tenant_id = ctx.tenant_id AND u.id = $2::uuid
           AND u.password IS NOT DISTINCT FROM $3::text AND u.disabled_at IS NULL
           AND u.deleted_at IS NULL LIMIT 1 FOR UPDATE) o),
known AS (
    UPDATE home__.users u SET password = COALESCE($4::text, u.password),
           last_login_at = $5::timestamptz, login_count = u.login_count + 1
      FROM old WHERE (SELECT true FROM old)
       AND u.tenant_id = old.tenant_id AND u.id = old.id
    RETURNING u.tenant_id, u.id),
opened AS (
    INSERT INTO home__.sessions (tenant_id, id, created_at, user_id, refresh_hash,
           generation, expires_at, client, user_agent, factors, proved_at, kind,
           client_id, scopes)
    SELECT known.tenant_id, $6::uuid, $5::timestamptz, known.id, $7::varchar, 0,
           $8::timestamptz, $9::varchar, $12::varchar, $13::text::jsonb,
           $5::timestamptz, $14::varchar, $15::uuid, $16::text::jsonb FROM known),
audit AS (
    {AUDIT} SELECT known.tenant_id, $10::uuid, $5::timestamptz, 'auth.login',
           'sessions', $6::uuid, 'user', known.id, $11::varchar, $9::varchar,
           $12::varchar, jsonb_build_object('factors', $13::text::jsonb) FROM known)
SELECT 1 FROM known"""  # noqa: S608  # our names
)
FAIL = Statement(
    f"""WITH {CONTEXT}, audit AS (
    {AUDIT} SELECT ctx.tenant_id, $2::uuid, $3::timestamptz, 'auth.login_failed',
           'users', $4::uuid, 'visitor', NULL, $5::varchar, $6::varchar, $7::varchar,
           jsonb_build_object('reason', $8::text) FROM ctx)
SELECT 1 FROM ctx"""  # noqa: S608  # our names
)
HOLD = Statement(
    f"""SELECT {HELD}, {ACCOUNT} FROM home__.sessions s JOIN home__.users u
       ON u.tenant_id = s.tenant_id AND u.id = s.user_id
 WHERE s.tenant_id = $1::uuid AND u.tenant_id = $1::uuid AND s.id = $2::uuid
   AND s.kind <> 'cookie' AND u.deleted_at IS NULL FOR UPDATE OF s"""  # noqa: S608  # our names
)
ROTATE = Statement(
    """UPDATE home__.sessions SET generation = $3::bigint, refresh_hash = $4::varchar,
       rotated_at = $5::timestamptz, expires_at = $6::timestamptz, client = $7::varchar
 WHERE tenant_id = $1::uuid AND id = $2::uuid"""
)
END = Statement(
    f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT s.tenant_id, s.id FROM home__.sessions s
         WHERE s.tenant_id = ctx.tenant_id AND s.id = $2::uuid
           AND s.revoked_at IS NULL LIMIT 1 FOR UPDATE) o),
ended AS (
    UPDATE home__.sessions s SET revoked_at = $3::timestamptz
      FROM old WHERE (SELECT true FROM old)
       AND s.tenant_id = old.tenant_id AND s.id = old.id
    RETURNING s.tenant_id, s.id, s.user_id),
audit AS (
    {AUDIT} SELECT ended.tenant_id, $4::uuid, $3::timestamptz, $5::varchar, 'sessions',
           ended.id, 'user', ended.user_id, $6::varchar, $7::varchar, $8::varchar,
           '{{}}'::jsonb FROM ended)
SELECT 1 FROM ended"""  # noqa: S608  # our names
)


def _names(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])


def _text(names: Sequence[str]) -> str:
    return msgspec.json.encode(names).decode()


class UserHold:
    """A locked session of a user."""

    def __init__(
        self, transaction: Transaction, session: UUID, row: Held | None
    ) -> None:
        self._transaction, self._session, self.row = transaction, session, row

    async def rotate(self, turn: Turn) -> None:
        """Give it the next refresh token."""
        await self._transaction.fetch(ROTATE, self._session, *turn)

    async def end(self, ending: Ending, origin: Origin) -> None:
        """Revoke it, with everything that was issued for it."""
        await self._transaction.fetch(
            END, self._session, now(), uuid7(), ending.value, *origin
        )


class UserSessions:
    """The users of one tenant and their sessions."""

    def __init__(self, session: Session, book: RoleBook) -> None:
        self._session, self._book = session, book

    def _account(self, row: Record) -> Account:
        rights = self._book.read(row)
        return Account(
            id=row["id"],
            email=row["email"],
            name=row["name"],
            password=row["password"],
            disabled=row["disabled_at"] is not None,
            avatar=row["avatar"],
            roles=rights.roles,
            grants=rights.grants,
            teams=rights.teams,
            masks=rights.masks,
            verified=row["email_verified_at"],
            created=row["created_at"],
            second_factor=row["second_factor_at"] is not None,
            locale=row["locale"],
        )

    async def _one(self, statement: Statement, *args: object) -> Account | None:
        rows = await self._session.fetch(statement, *args)
        return self._account(rows[0]) if rows else None

    async def find(self, email: str) -> Account | None:
        """The user of an address in lower case."""
        return await self._one(FIND, email)

    async def get(self, account: UUID) -> Account | None:
        """The user of that id."""
        return await self._one(GET, account)

    async def active(self, session: UUID, subject: UUID) -> SignIn | None:
        """Whose session it is and how it began, if both are good at this moment."""
        rows = await self._session.fetch(ACTIVE, session, subject, now())
        return self._sign_in(rows[0]) if rows else None

    async def with_cookie(self, session: UUID, hashed: str) -> SignIn | None:
        """Whose session it is by its cookie's hash, if both are good at this moment."""
        rows = await self._session.fetch(COOKIE, session, hashed, now())
        return self._sign_in(rows[0]) if rows else None

    def _sign_in(self, row: Record) -> SignIn:
        proved, scopes, client = row["proved_at"], row["scopes"], row["client_id"]
        return SignIn(
            self._account(row),
            factors=_names(row["factors"]),
            proved=None if proved is None else proved.timestamp(),
            scopes=None if scopes is None else _names(scopes),
            via=None if client is None else f"oauth:{client}",
        )

    async def open(self, account: Account, opening: Opening, origin: Origin) -> bool:
        """Count the sign-in (S4-23), begin the session and note it, or nothing."""
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
            _text(opening.factors),
            opening.kind,
            opening.client_id,
            None if opening.scopes is None else _text(opening.scopes),
        )
        return bool(rows)

    async def fail(
        self, account: Account | None, reason: Failure, origin: Origin
    ) -> None:
        """Note a sign-in that failed: for whom, but never what was typed."""
        target = None if account is None else account.id
        await self._session.fetch(FAIL, uuid7(), now(), target, *origin, reason.value)

    @asynccontextmanager
    async def hold(self, session: UUID) -> AsyncIterator[UserHold]:
        """Lock a session until the block ends."""
        async with self._session.transaction() as transaction:
            rows = await transaction.fetch(HOLD, session)
            row = held(self._account(rows[0]), rows[0]) if rows else None
            yield UserHold(transaction, session, row)

    async def end(self, session: UUID, ending: Ending, origin: Origin) -> None:
        """Revoke a session, once; nothing happens if it has ended."""
        await self._session.fetch(END, session, now(), uuid7(), ending.value, *origin)
