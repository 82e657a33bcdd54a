"""Sessions: what a sign-in leaves behind, whoever it was and wherever it is kept."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.grants import Masks
from insula.kernel.database.pool import Record
from insula.kernel.identity.refresh import GRACE, RefreshToken


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in, as far as signing in needs to know them."""

    id: UUID
    email: str
    name: str
    password: str | None
    disabled: bool = False
    avatar: str | None = None
    roles: tuple[str, ...] = ()
    grants: frozenset[str] = frozenset()
    teams: frozenset[UUID] = frozenset()
    masks: Masks = field(default_factory=dict)
    verified: datetime | None = None
    """When it was proved that the address is theirs."""
    created: datetime | None = None
    second_factor: bool = False
    """Whether they have a second factor that is confirmed."""
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """What is known of a session beyond whose it is."""

    account: Account
    factors: tuple[str, ...] = ()
    proved: float | None = None
    scopes: tuple[str, ...] | None = None
    via: str | None = None

    def actor(self, kind: ActorKind, tenant: UUID | None, session: UUID) -> Actor:
        """Whoever acts in the session."""
        account = self.account
        actor = Actor(
            kind,
            account.id,
            tenant=tenant,
            session=session,
            roles=account.roles,
            grants=account.grants,
            scopes=self.scopes,
            teams=account.teams,
            masks=account.masks,
            via=self.via,
            factors=self.factors,
            proved=self.proved,
        )
        actor.locale = account.locale
        return actor


class Origin(NamedTuple):
    """Where a request came from, as the journal keeps it."""

    request_id: str
    client: str
    user_agent: str | None = None


class Failure(StrEnum):
    """Why a sign-in failed: for the journal, never for the one who tried."""

    unknown = "unknown"
    no_password = "no_password"  # noqa: S105  # a reason
    wrong_password = "wrong_password"  # noqa: S105  # a reason
    disabled = "disabled"
    second_factor = "second_factor"
    refused = "refused"
    """By a rule of the organisation: see what the journal says of it."""


class Ending(StrEnum):
    """What ended a session, as the action that the journal keeps."""

    logout = "auth.logout"
    revoked = "auth.session_revoked"
    password = "auth.password_changed"  # noqa: S105  # a reason
    reuse = "auth.refresh_reused"


@dataclass(frozen=True, slots=True)
class Opening:
    """A session about to begin.

    ``password`` is a better hash than the known one, ``factors`` is how they signed
    in. A client that acts for somebody has ``scopes``.
    """

    session: UUID
    refresh_hash: str
    at: datetime
    expires_at: datetime
    password: str | None
    factors: tuple[str, ...] = ("pwd",)
    kind: str = "token"
    client_id: UUID | None = None
    scopes: tuple[str, ...] | None = None


class Turn(NamedTuple):
    """A refresh token's successor taking its place."""

    generation: int
    refresh_hash: str
    at: datetime
    expires_at: datetime
    client: str


@dataclass(frozen=True, slots=True)
class Held:
    """A session's row under lock, and whose it is."""

    account: Account
    generation: int
    refresh_hash: str
    rotated_at: datetime | None
    client: str | None
    expires_at: datetime
    revoked_at: datetime | None


HELD = (
    "s.generation, s.refresh_hash, s.rotated_at, s.client, s.expires_at, s.revoked_at"
)
"""The columns of a session that ``held`` reads."""


def held(account: Account, row: Record) -> Held:
    """A session's row, as the database gave it."""
    return Held(
        account=account,
        generation=row["generation"],
        refresh_hash=row["refresh_hash"],
        rotated_at=row["rotated_at"],
        client=row["client"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )


class Fate(StrEnum):
    """What becomes of a refresh token that somebody presents."""

    rotate = "rotate"
    repeat = "repeat"
    """Its successor was made just now for the same client: the answer got lost."""
    reuse = "reuse"
    """It was used before: it or its successor is in foreign hands."""
    refuse = "refuse"


def fate(row: Held, token: RefreshToken, at: datetime, client: str) -> Fate:
    """Decide about a token of ours by the row of its session."""
    over = row.revoked_at is not None or row.expires_at <= at
    if over or row.account.disabled or token.generation > row.generation:
        return Fate.refuse
    if token.generation == row.generation:
        return Fate.rotate if token.hash == row.refresh_hash else Fate.refuse
    if token.generation < row.generation - 1 or row.client != client:
        return Fate.reuse
    lately = row.rotated_at is not None and at - row.rotated_at <= GRACE
    return Fate.repeat if lately else Fate.reuse


class Hold(Protocol):
    """A locked session, for the length of a transaction."""

    @property
    def row(self) -> Held | None:
        """The session; None if there is no such."""

    async def rotate(self, turn: Turn) -> None:
        """Give it the next refresh token."""

    async def end(self, ending: Ending, origin: Origin) -> None:
        """Revoke it, with everything that was issued for it."""


class Accounts(Protocol):
    """Where those who sign in and their sessions are kept."""

    async def find(self, email: str) -> Account | None:
        """The account of an address in lower case."""

    async def get(self, account: UUID) -> Account | None:
        """The account of that id."""

    async def active(self, session: UUID, subject: UUID) -> SignIn | None:
        """Whose session it is and how it began, if both are good at this moment."""

    async def open(self, account: Account, opening: Opening, origin: Origin) -> bool:
        """Begin a session; False if the account changed since it was found."""

    async def fail(
        self, account: Account | None, reason: Failure, origin: Origin
    ) -> None:
        """Note a sign-in that failed."""

    def hold(self, session: UUID) -> AbstractAsyncContextManager[Hold]:
        """Lock a session until the block ends."""

    async def end(self, session: UUID, ending: Ending, origin: Origin) -> None:
        """Revoke a session, once; nothing happens if it has ended."""
