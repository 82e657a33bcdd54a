"""Contacts' sessions: how a tenant's customers are known to its portal."""

from insula.kernel.access.actor import SYSTEM_ROLES
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Statement
from insula.kernel.identity.sessions import Account
from insula.kernel.identity.tenant_sessions import Place, Statements, TenantSessions

PORTAL = Place(
    kind="contact",
    people="contacts",
    sessions="contact_sessions",
    owner="contact_id",
    account=(
        "u.id, u.email, u.name, u.role, u.password, u.disabled_at, u.created_at,"
        " u.verified_at"
    ),
)
END_ALL = Statement(
    """UPDATE home__.contact_sessions SET revoked_at = $3::timestamptz
 WHERE tenant_id = $1::text::uuid AND contact_id = $2::uuid AND revoked_at IS NULL"""
)


class ContactSessions(TenantSessions):
    """The contacts of one tenant and their sessions."""

    its = Statements(PORTAL)

    def account(self, row: Record) -> Account:
        """A contact's row, with what their role gives."""
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
