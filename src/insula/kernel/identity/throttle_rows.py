"""The rows of the throttle: how often somebody tried to sign in, and until when to wait.

One statement counts an attempt and says whether it may go on, so that no number of
attempts at the same moment is more than the rules allow. An attempt counts as failed
until ``FORGIVE`` says otherwise.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import Holds, column, holding
from insula.kernel.database.control import ControlModel
from insula.kernel.database.model import TenantRow
from insula.kernel.database.session import CONTEXT, Statement

LONGEST_KEY = 64


class SignInThrottle(TenantRow):
    """What is counted under one key: an account, a device of it, or the whole tenant.

    ``key`` is a MAC, for addresses that people type are not ours to keep.
    ``full_at``: when the bucket of attempts is full again; ``refused_until`` is that of
    the last attempt, if it was refused.
    """

    __tablename__ = "sign_in_throttles"
    __table_args__ = (
        Index("uq_sign_in_throttles_key", "tenant_id", "key", unique=True),
    )

    key: Mapped[str] = mapped_column(String(LONGEST_KEY), info=holding(Holds.nothing))
    full_at: Mapped[datetime] = column()
    failures: Mapped[int] = column(default=0)
    failed_at: Mapped[datetime] = column()
    locked_until: Mapped[datetime | None] = column(default=None)
    refused_until: Mapped[datetime | None] = column(default=None)


class OperatorThrottle(ControlModel):
    """The same for the operators' own door."""

    __tablename__ = "sign_in_throttles"
    key: Mapped[str] = mapped_column(String(LONGEST_KEY), unique=True)
    full_at: Mapped[datetime]
    failures: Mapped[int]
    failed_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]
    refused_until: Mapped[datetime | None]


class Counting(NamedTuple):
    """The arguments of ``take``, from ``$2`` on."""

    stranger: str
    """The key of all who are not known."""
    device: str | None
    """The key of a device that says to be known, and whose it says to be."""
    device_of: UUID | None
    network: str
    """The key of the account in the client's network."""
    email: str
    client: str
    at: datetime
    ids: tuple[UUID, UUID]
    everybody: str
    """The key of all strangers to the tenant."""
    step: timedelta
    """The time that one attempt costs an account, and all accounts together."""
    cap_step: timedelta


WINDOW = 60
"""Seconds in which the bucket of attempts fills."""
FAILURES, MEMORY = 10, 15
"""Failures until the account waits, and the minutes after which they are forgotten."""
LONGEST_WAIT = 15
"""Minutes: the delay doubles from one to this with each further failure."""

KNOWN_FOR = 180
"""Days for which a network is known from which somebody has signed in."""

_HERE = f"""s.created_at > $8::timestamptz - interval '{KNOWN_FOR} days'
           AND CASE WHEN strpos($7::text, ':') = 0 THEN s.client = $7::varchar
                    WHEN strpos(s.client, ':') > 0
                    THEN split_part(s.client, '%', 1)::inet <<= $7::inet
                    ELSE false END"""


def _tenant_knows(people: str, sessions: str, owner: str) -> str:
    """Whether the device is one of the account's, and the network one it was in."""
    return f"""WITH {CONTEXT}, known AS MATERIALIZED (
    SELECT k.* FROM ctx LEFT JOIN LATERAL (
        SELECT p.id = $4::uuid AS device, EXISTS (
            SELECT FROM home__.{sessions} s WHERE s.tenant_id = ctx.tenant_id
               AND s.{owner} = p.id AND {_HERE}) AS network
          FROM home__.{people} p WHERE p.tenant_id = ctx.tenant_id
           AND p.email = $6::varchar AND p.deleted_at IS NULL LIMIT 1) k ON true)"""  # noqa: S608  # our names


OPERATORS_KNOW = f"""WITH ctx AS MATERIALIZED (SELECT $1::text AS tenant_id),
known AS MATERIALIZED (
    SELECT k.* FROM ctx LEFT JOIN LATERAL (
        SELECT a.id = $4::uuid AS device, EXISTS (
            SELECT FROM control.admin_sessions s WHERE s.admin_id = a.id
               AND {_HERE}) AS network
          FROM control.system_admins a WHERE a.email = $6::varchar LIMIT 1) k ON true)"""  # noqa: S608  # our names


@dataclass(frozen=True, slots=True)
class _Book:
    """Where one realm's rows are."""

    known: str
    table: str
    own: str
    """What a row says of its tenant."""


def _take(book: _Book) -> str:
    """Count an attempt; answers under which key, and until when it is refused."""
    mine = f"ctx.{book.own}" if book.own else ""
    columns = f"{book.own} id, created_at, key, full_at, failures, failed_at"
    target = f"({book.own} key)"
    at = "$8::timestamptz"
    return f"""{book.known},
chosen AS MATERIALIZED (
    SELECT CASE WHEN $3::varchar IS NOT NULL AND known.device THEN $3::varchar
                WHEN known.network THEN $5::varchar ELSE $2::varchar END AS key
      FROM known),
cap AS (
    INSERT INTO {book.table} AS t ({columns})
    SELECT {mine} $9::uuid, {at}, $11::varchar, {at} + $13::interval, 0, {at}
      FROM ctx, chosen WHERE chosen.key = $2::varchar AND $13::interval > '0'
    ON CONFLICT {target} DO UPDATE SET (full_at, failed_at, refused_until) = (
        SELECT CASE WHEN late THEN t.full_at ELSE spent END, {at},
               CASE WHEN late THEN spent - {_WINDOW} END
          FROM (SELECT greatest(t.full_at, {at}) + $13::interval AS spent) a,
               LATERAL (SELECT spent > {at} + {_WINDOW} AS late) b)
    RETURNING t.refused_until),
counted AS (
    INSERT INTO {book.table} AS t ({columns})
    SELECT {mine} $10::uuid, {at}, chosen.key, {at} + $12::interval, 1, {at}
      FROM ctx, chosen WHERE NOT EXISTS (
           SELECT FROM cap WHERE cap.refused_until IS NOT NULL)
    ON CONFLICT {target} DO UPDATE SET
        (full_at, failures, failed_at, locked_until, refused_until) = (
        SELECT CASE WHEN r.until IS NULL THEN a.spent ELSE t.full_at END,
               CASE WHEN r.until IS NULL THEN n.failed ELSE t.failures END,
               CASE WHEN r.until IS NULL THEN {at} ELSE t.failed_at END,
               CASE WHEN r.until IS NOT NULL THEN t.locked_until
                    WHEN n.failed >= {FAILURES} THEN {at} + n.delay END,
               r.until
          FROM (SELECT greatest(t.full_at, {at}) + $12::interval AS spent,
                       CASE WHEN greatest(t.failed_at, t.locked_until)
                                 + interval '{MEMORY} minutes' > {at}
                            THEN t.failures ELSE 0 END + 1 AS failed) a,
               LATERAL (SELECT a.failed, least(
                   power(2, least(a.failed - {FAILURES}, {LONGEST_WAIT})),
                   {LONGEST_WAIT}) * interval '1 minute' AS delay) n,
               LATERAL (SELECT greatest(
                   CASE WHEN t.locked_until > {at} THEN t.locked_until END,
                   CASE WHEN a.spent > {at} + {_WINDOW} THEN a.spent - {_WINDOW} END)
                   AS until) r)
    RETURNING t.key, t.refused_until)
SELECT counted.key, COALESCE(counted.refused_until, cap.refused_until) AS until
  FROM chosen LEFT JOIN counted ON true LEFT JOIN cap ON true"""  # noqa: S608  # our names


_WINDOW = f"interval '{WINDOW} seconds'"
_OPERATORS = "control.sign_in_throttles"


def taking(people: str, sessions: str, owner: str) -> Statement:
    """What counts the attempts of one kind of people of a tenant, in its home."""
    knows = _tenant_knows(people, sessions, owner)
    return Statement(_take(_Book(knows, "home__.sign_in_throttles", "tenant_id,")))


TAKE = taking("users", "sessions", "user_id")
OPERATORS_TAKE = _take(_Book(OPERATORS_KNOW, _OPERATORS, ""))
_CLEAR = "failures = 0, locked_until = NULL, refused_until = NULL"
FORGIVE = Statement(
    f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT t.tenant_id, t.id FROM home__.sign_in_throttles t
         WHERE t.tenant_id = ctx.tenant_id AND t.key = $2::varchar
         LIMIT 1 FOR UPDATE) o)
UPDATE home__.sign_in_throttles t SET {_CLEAR}
  FROM old WHERE (SELECT true FROM old)
   AND t.tenant_id = old.tenant_id AND t.id = old.id"""  # noqa: S608  # our names
)
OPERATORS_FORGIVE = f"UPDATE {_OPERATORS} SET {_CLEAR} WHERE key = $1"  # noqa: S608  # our names
OVER = f"interval '{MEMORY + LONGEST_WAIT} minutes'"
PRUNE = Statement(
    f"""DELETE FROM home__.sign_in_throttles
 WHERE tenant_id = $1::text::uuid AND failed_at < $2::timestamptz - {OVER}"""  # noqa: S608  # our names
)
OPERATORS_PRUNE = f"DELETE FROM {_OPERATORS} WHERE failed_at < $1::timestamptz - {OVER}"  # noqa: S608  # our names
