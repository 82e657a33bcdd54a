"""Sessions in a tenant's home: the statements that sign its people in and out.

A tenant has two doors, the staff's and the portal's: the same deeds, on tables apart.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import msgspec

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

AUDIT = (
    "INSERT INTO home__.audit_log (tenant_id, id, created_at, action, resource,"
    " resource_id, actor_kind, actor_id, request_id, client, user_agent, changes)"
)
SAME = "p.tenant_id = old.tenant_id AND p.id = old.id"


@dataclass(frozen=True, slots=True)
class Place:
    """Where people and their sessions are kept: names of ours, which become statements.

    In what it says of columns, ``u`` is the person and ``s`` the session.
    """

    kind: str
    """What they are called as actors."""
    people: str
    sessions: str
    owner: str
    """The column of a session that says whose it is."""
    account: str
    """The columns that make an ``Account``."""
    sign_in: str = "s.factors, s.proved_at"
    counted: str = ""
    """What else a sign-in sets of the person ``p``."""
    opened: tuple[tuple[str, str], ...] = ()
    """What else is kept of a session, each from a parameter behind the 13 of all."""
    bearer: str = "true"
    """Which sessions are entered by access and refresh tokens."""

    @property
    def joined(self) -> str:
        """Sessions, and whose they are."""
        return (
            f"home__.{self.sessions} s JOIN home__.{self.people} u"
            f" ON u.tenant_id = s.tenant_id AND u.id = s.{self.owner}"
        )

    def person(self, condition: str) -> Statement:
        """The person of whom something is true."""
        return Statement(
            f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT {self.account} FROM home__.{self.people} u
     WHERE u.tenant_id = ctx.tenant_id AND {condition}
       AND u.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
        )

    def active(self, condition: str) -> Statement:
        """The session ``$2`` of which something is true, if it is good at ``$4``."""
        return Statement(
            f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT {self.account}, {self.sign_in} FROM {self.joined}
     WHERE s.tenant_id = ctx.tenant_id AND u.tenant_id = ctx.tenant_id
       AND s.id = $2::uuid AND {condition}
       AND s.revoked_at IS NULL AND s.expires_at > $4::timestamptz
       AND u.disabled_at IS NULL AND u.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
        )

    def open(self) -> Statement:
        """Begin a session, unless the person changed since they were found.

        Their row is carried through a locking sub-query, because PostgreSQL evaluates
        the policy of an UPDATE's own table before the context is set.
        """
        names = "".join(f", {name}" for name, _ in self.opened)
        values = "".join(f", {value}" for _, value in self.opened)
        return Statement(
            f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT u.tenant_id, u.id FROM home__.{self.people} u
         WHERE u.tenant_id = ctx.tenant_id AND u.id = $2::uuid
           AND u.password IS NOT DISTINCT FROM $3::text AND u.disabled_at IS NULL
           AND u.deleted_at IS NULL LIMIT 1 FOR UPDATE) o),
known AS (
    UPDATE home__.{self.people} p SET password = COALESCE($4::text, p.password),
           last_login_at = $5::timestamptz{self.counted}
      FROM old WHERE (SELECT true FROM old) AND {SAME} RETURNING p.tenant_id, p.id),
opened AS (
    INSERT INTO home__.{self.sessions} (tenant_id, id, created_at, {self.owner},
           refresh_hash, generation, expires_at, client, user_agent, factors,
           proved_at{names})
    SELECT known.tenant_id, $6::uuid, $5::timestamptz, known.id, $7::varchar, 0,
           $8::timestamptz, $9::varchar, $12::varchar, $13::text::jsonb,
           $5::timestamptz{values} FROM known),
audit AS (
    {AUDIT} SELECT known.tenant_id, $10::uuid, $5::timestamptz, 'auth.login',
           '{self.sessions}', $6::uuid, '{self.kind}', known.id, $11::varchar,
           $9::varchar, $12::varchar, jsonb_build_object('factors', $13::text::jsonb)
      FROM known)
SELECT 1 FROM known"""  # noqa: S608  # our names
        )

    def fail(self) -> Statement:
        """Note a sign-in that failed."""
        return Statement(
            f"""WITH {CONTEXT}, audit AS (
    {AUDIT} SELECT ctx.tenant_id, $2::uuid, $3::timestamptz, 'auth.login_failed',
           '{self.people}', $4::uuid, 'visitor', NULL, $5::varchar, $6::varchar,
           $7::varchar, jsonb_build_object('reason', $8::text) FROM ctx)
SELECT 1 FROM ctx"""  # noqa: S608  # our names
        )

    def hold(self) -> Statement:
        """Lock a session, and read whose it is."""
        return Statement(
            f"""SELECT {HELD}, {self.account} FROM {self.joined}
 WHERE s.tenant_id = $1::uuid AND u.tenant_id = $1::uuid AND s.id = $2::uuid
   AND {self.bearer} AND u.deleted_at IS NULL FOR UPDATE OF s"""  # noqa: S608  # our names
        )

    def rotate(self) -> Statement:
        """Give a session the next refresh token."""
        return Statement(
            f"""UPDATE home__.{self.sessions} SET generation = $3::bigint,
       refresh_hash = $4::varchar, rotated_at = $5::timestamptz,
       expires_at = $6::timestamptz, client = $7::varchar
 WHERE tenant_id = $1::uuid AND id = $2::uuid"""  # noqa: S608  # our names
        )

    def end(self) -> Statement:
        """Revoke a session, once, and note it."""
        return Statement(
            f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT s.tenant_id, s.id FROM home__.{self.sessions} s
         WHERE s.tenant_id = ctx.tenant_id AND s.id = $2::uuid
           AND s.revoked_at IS NULL LIMIT 1 FOR UPDATE) o),
ended AS (
    UPDATE home__.{self.sessions} p SET revoked_at = $3::timestamptz
      FROM old WHERE (SELECT true FROM old) AND {SAME}
    RETURNING p.tenant_id, p.id, p.{self.owner}),
audit AS (
    {AUDIT} SELECT ended.tenant_id, $4::uuid, $3::timestamptz, $5::varchar,
           '{self.sessions}', ended.id, '{self.kind}', ended.{self.owner}, $6::varchar,
           $7::varchar, $8::varchar, '{{}}'::jsonb FROM ended)
SELECT 1 FROM ended"""  # noqa: S608  # our names
        )


class Statements:
    """The statements of a place, each made once."""

    def __init__(self, place: Place) -> None:
        self.find = place.person("u.email = $2::varchar")
        self.get = place.person("u.id = $2::uuid")
        self.active = place.active(f"s.{place.owner} = $3::uuid AND {place.bearer}")
        self.open, self.fail = place.open(), place.fail()
        self.hold, self.rotate, self.end = place.hold(), place.rotate(), place.end()


def names_of(text: str) -> tuple[str, ...]:
    """Names, as the database keeps them."""
    return msgspec.json.decode(text, type=tuple[str, ...])


def text_of(names: Sequence[str]) -> str:
    """Names, as the database takes them."""
    return msgspec.json.encode(names).decode()


class TenantHold:
    """A locked session of somebody."""

    def __init__(
        self, its: Statements, transaction: Transaction, session: UUID, row: Held | None
    ) -> None:
        self._its, self._transaction = its, transaction
        self._session, self.row = session, row

    async def rotate(self, turn: Turn) -> None:
        """Give it the next refresh token."""
        await self._transaction.fetch(self._its.rotate, self._session, *turn)

    async def end(self, ending: Ending, origin: Origin) -> None:
        """Revoke it, with everything that was issued for it."""
        values = self._session, now(), uuid7(), ending.value, *origin
        await self._transaction.fetch(self._its.end, *values)


class TenantSessions(ABC):
    """Those who sign in at one door of one tenant, and their sessions (``Accounts``)."""

    its: ClassVar[Statements]

    def __init__(self, session: Session) -> None:
        self._session = session

    @abstractmethod
    def account(self, row: Record) -> Account:
        """Somebody's row, as the database gave it."""

    def sign_in(self, row: Record) -> SignIn:
        """What is known of a session, and whose it is."""
        proved = row["proved_at"]
        return SignIn(
            self.account(row),
            factors=names_of(row["factors"]),
            proved=None if proved is None else proved.timestamp(),
        )

    def more(self, _: Opening) -> tuple[object, ...]:
        """What a new session keeps beside what every session does."""
        return ()

    async def _one(self, statement: Statement, *args: object) -> Account | None:
        rows = await self._session.fetch(statement, *args)
        return self.account(rows[0]) if rows else None

    async def find(self, email: str) -> Account | None:
        """Whoever has an address, in lower case."""
        return await self._one(self.its.find, email)

    async def get(self, account: UUID) -> Account | None:
        """Whoever has that id."""
        return await self._one(self.its.get, account)

    async def active(self, session: UUID, subject: UUID) -> SignIn | None:
        """Whose session it is and how it began, if both are good at this moment."""
        return await self._active(self.its.active, session, subject)

    async def _active(self, statement: Statement, *args: object) -> SignIn | None:
        rows = await self._session.fetch(statement, *args, now())
        return self.sign_in(rows[0]) if rows else None

    async def open(self, account: Account, opening: Opening, origin: Origin) -> bool:
        """Begin the session and note it, or nothing."""
        rows = await self._session.fetch(
            self.its.open,
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
            text_of(opening.factors),
            *self.more(opening),
        )
        return bool(rows)

    async def fail(
        self, account: Account | None, reason: Failure, origin: Origin
    ) -> None:
        """Note a sign-in that failed: for whom, but never what was typed."""
        target = None if account is None else account.id
        values = uuid7(), now(), target, *origin, reason.value
        await self._session.fetch(self.its.fail, *values)

    @asynccontextmanager
    async def hold(self, session: UUID) -> AsyncIterator[TenantHold]:
        """Lock a session until the block ends."""
        async with self._session.transaction() as transaction:
            rows = await transaction.fetch(self.its.hold, session)
            row = held(self.account(rows[0]), rows[0]) if rows else None
            yield TenantHold(self.its, transaction, session, row)

    async def end(self, session: UUID, ending: Ending, origin: Origin) -> None:
        """Revoke a session, once; nothing happens if it has ended."""
        values = session, now(), uuid7(), ending.value, *origin
        await self._session.fetch(self.its.end, *values)
