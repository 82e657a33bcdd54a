"""Users' sessions: how a tenant's staff is known to its door."""

from uuid import UUID

from insula.kernel.access.roles import RIGHTS, RoleBook
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Session
from insula.kernel.identity.sessions import Account, Opening, SignIn
from insula.kernel.identity.tenant_sessions import (
    Place,
    Statements,
    TenantSessions,
    names_of,
    text_of,
)

STAFF = Place(
    kind="user",
    people="users",
    sessions="sessions",
    owner="user_id",
    account=(
        "u.id, u.email, u.name, u.avatar, u.password, u.roles, u.disabled_at,"
        f" u.created_at, u.email_verified_at, u.second_factor_at, u.locale, {RIGHTS}"
    ),
    sign_in="s.factors, s.proved_at, s.client_id, s.scopes",
    counted=", login_count = p.login_count + 1",  # S4-23
    opened=(
        ("kind", "$14::varchar"),
        ("client_id", "$15::uuid"),
        ("scopes", "$16::text::jsonb"),
    ),
    bearer="s.kind <> 'cookie'",
)
COOKIE = STAFF.active("s.refresh_hash = $3::varchar AND s.kind = 'cookie'")


class UserSessions(TenantSessions):
    """The users of one tenant and their sessions."""

    its = Statements(STAFF)

    def __init__(self, session: Session, book: RoleBook) -> None:
        super().__init__(session)
        self._book = book

    def account(self, row: Record) -> Account:
        """A user's row, with what their roles and teams give."""
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

    def sign_in(self, row: Record) -> SignIn:
        """What is known of a session; a client's has scopes."""
        base, scopes, client = super().sign_in(row), row["scopes"], row["client_id"]
        return SignIn(
            base.account,
            factors=base.factors,
            proved=base.proved,
            scopes=None if scopes is None else names_of(scopes),
            via=None if client is None else f"oauth:{client}",
        )

    def more(self, opening: Opening) -> tuple[object, ...]:
        """Its kind, and the client that it was opened for."""
        scopes = None if opening.scopes is None else text_of(opening.scopes)
        return opening.kind, opening.client_id, scopes

    async def with_cookie(self, session: UUID, hashed: str) -> SignIn | None:
        """Whose session it is by its cookie's hash, if both are good at this moment."""
        return await self._active(COOKIE, session, hashed)
