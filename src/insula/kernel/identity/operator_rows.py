"""Operators' rows: their statements, and what is seen of one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from insula.kernel.database.pool import Record

FULL = "*"
"""The permission of an operator who may do everything."""

COLUMNS = (
    "id, email, name, permissions, two_factor_confirmed_at IS NOT NULL"
    " AS second_factor, disabled_at, last_login_at, created_at,"
    " version"
)
CREATE = f"""
INSERT INTO control.system_admins (id, email, name, password, permissions)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT (email) DO NOTHING RETURNING {COLUMNS}
"""  # noqa: S608  # our names
PAGE = f"""
SELECT {COLUMNS} FROM control.system_admins
 WHERE $1::uuid IS NULL OR id > $1::uuid ORDER BY id LIMIT $2
"""  # noqa: S608  # our names
FIND = f"SELECT {COLUMNS} FROM control.system_admins WHERE id = $1"  # noqa: S608  # our names
ID_OF = "SELECT id FROM control.system_admins WHERE email = $1"
# With those who may do everything, always in one order: who else is left stays true
# until the end, and no two callers wait for each other.
LOCK = f"""
SELECT {COLUMNS} FROM control.system_admins
 WHERE id = $1 OR (permissions ? '{FULL}' AND disabled_at IS NULL)
 ORDER BY id FOR UPDATE
"""  # noqa: S608  # our names
CHANGE = """
UPDATE control.system_admins SET name = COALESCE($2::varchar, name),
       permissions = COALESCE($3::jsonb, permissions), version = version + 1
 WHERE id = $1
"""
ABLE = """
UPDATE control.system_admins SET disabled_at = $2, version = version + 1 WHERE id = $1
"""
PASSWORD = "UPDATE control.system_admins SET password = $2 WHERE id = $1"  # noqa: S105  # a statement
FORGET_FACTOR = """
UPDATE control.system_admins SET two_factor_secret = NULL, two_factor_step = NULL,
       two_factor_confirmed_at = NULL, backup_codes = '[]', version = version + 1
 WHERE id = $1
"""
REMOVE = "DELETE FROM control.system_admins WHERE id = $1"
END_ALL = """
UPDATE control.admin_sessions SET revoked_at = $2
 WHERE admin_id = $1 AND revoked_at IS NULL
"""
SESSIONS = """
SELECT id, created_at, COALESCE(rotated_at, created_at) AS last_seen_at, expires_at,
       client, user_agent, factors
  FROM control.admin_sessions
 WHERE admin_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY id DESC
"""
END_ONE = """
UPDATE control.admin_sessions SET revoked_at = $3
 WHERE id = $2 AND admin_id = $1 AND revoked_at IS NULL AND expires_at > $3 RETURNING 1
"""
AUDIT = """
INSERT INTO control.audit_logs (id, admin_id, action, resource_type, resource_id, changes)
VALUES ($1, $2, $3, 'system_admins', $4, $5)
"""
NOTIFY = "SELECT pg_notify($1, $2)"


@dataclass(frozen=True, slots=True)
class OperatorView:
    """An operator, as operators see one another."""

    id: UUID
    email: str
    name: str
    permissions: list[str]
    second_factor: bool
    disabled_at: datetime | None
    last_login_at: datetime | None
    created_at: datetime
    version: int

    @property
    def full(self) -> bool:
        """Whether they may do everything, at present."""
        return FULL in self.permissions and self.disabled_at is None


@dataclass(frozen=True, slots=True)
class OperatorSessionView:
    """One sign-in of an operator that is still good."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    client: str | None
    user_agent: str | None
    factors: list[str]


def operator_view(row: Record) -> OperatorView:
    """An operator as a row has them."""
    permissions = msgspec.json.decode(row["permissions"], type=list[str])
    return OperatorView(**{**row, "permissions": permissions})


def session_view(row: Record) -> OperatorSessionView:
    """A session as a row has it."""
    factors = msgspec.json.decode(row["factors"], type=list[str])
    return OperatorSessionView(**{**row, "factors": factors})
