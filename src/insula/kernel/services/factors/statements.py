"""The statements of second factors: each names its user, whose alone the rows are.

What must happen once is one UPDATE that meets its condition once, however many try.
"""

from uuid import UUID

from insula.kernel.database.session import CONTEXT, Statement

NOBODY = UUID(int=0)
"""Stands for whoever is not known, so that looking for them takes as long."""

HELD = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (SELECT
    (SELECT t.confirmed_at FROM home__.totp_factors t
      WHERE t.tenant_id = ctx.tenant_id AND t.user_id = $2::uuid
        AND t.confirmed_at IS NOT NULL) AS totp_since,
    (SELECT count(*) FROM home__.passkeys p
      WHERE p.tenant_id = ctx.tenant_id AND p.user_id = $2::uuid) AS passkeys,
    (SELECT count(*) FROM home__.backup_codes b
      WHERE b.tenant_id = ctx.tenant_id AND b.user_id = $2::uuid
        AND b.used_at IS NULL) AS backup_codes
    OFFSET 0) r"""  # noqa: S608  # our names
)

# Authenticator apps

KEEP_TOTP = Statement(
    """INSERT INTO home__.totp_factors AS t (tenant_id, id, created_at, user_id, secret)
VALUES ($1::text::uuid, $2::uuid, $3::timestamptz, $4::uuid, $5::text)
ON CONFLICT (tenant_id, user_id) DO UPDATE SET created_at = EXCLUDED.created_at,
       secret = EXCLUDED.secret, last_step = NULL
 WHERE t.confirmed_at IS NULL RETURNING t.id"""
)
FIND_TOTP = Statement(
    """SELECT t.secret, t.last_step FROM home__.totp_factors t
 WHERE t.tenant_id = $1::text::uuid AND t.user_id = $2::uuid
   AND (t.confirmed_at IS NULL) = $3::bool"""
)
ACCEPT_TOTP = Statement(
    """UPDATE home__.totp_factors t SET last_step = $4::bigint,
       confirmed_at = COALESCE(t.confirmed_at, $5::timestamptz)
 WHERE t.tenant_id = $1::text::uuid AND t.user_id = $2::uuid
   AND (t.confirmed_at IS NULL) = $3::bool
   AND (t.last_step IS NULL OR t.last_step < $4::bigint) AND $4::bigint IS NOT NULL
RETURNING t.id"""
)
DROP_TOTP = Statement(
    """DELETE FROM home__.totp_factors t WHERE t.tenant_id = $1::text::uuid
   AND t.user_id = $2::uuid RETURNING t.confirmed_at IS NOT NULL AS was_good"""
)

# Backup codes

ADD_CODES = Statement(
    """INSERT INTO home__.backup_codes (tenant_id, id, created_at, user_id, digest)
SELECT $1::text::uuid, i.id, $2::timestamptz, $3::uuid, i.digest
  FROM unnest($4::uuid[], $5::varchar[]) AS i(id, digest)"""
)
USE_CODE = Statement(
    """UPDATE home__.backup_codes b SET used_at = $4::timestamptz
 WHERE b.tenant_id = $1::text::uuid AND b.user_id = $2::uuid
   AND b.digest = $3::varchar AND b.used_at IS NULL RETURNING b.id"""
)
HAS_CODES = Statement(
    """SELECT 1 FROM home__.backup_codes b WHERE b.tenant_id = $1::text::uuid
   AND b.user_id = $2::uuid LIMIT 1"""
)
DROP_CODES = Statement(
    """DELETE FROM home__.backup_codes b WHERE b.tenant_id = $1::text::uuid
   AND b.user_id = $2::uuid"""
)

# Passkeys

SHOWN = "p.id, p.name, p.backed_up, p.created_at, p.last_used_at"
LIST_PASSKEYS = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT {SHOWN} FROM home__.passkeys p WHERE p.tenant_id = ctx.tenant_id
       AND p.user_id = $2::uuid ORDER BY p.id LIMIT 100) r"""  # noqa: S608  # our names
)
KNOWN_PASSKEYS = Statement(
    """SELECT p.credential_id FROM home__.passkeys p
 WHERE p.tenant_id = $1::text::uuid AND p.user_id = $2::uuid
   AND p.host = $3::varchar ORDER BY p.id LIMIT 100"""
)
ADD_PASSKEY = Statement(
    f"""INSERT INTO home__.passkeys AS p (tenant_id, id, created_at, user_id, name,
       host, credential_id, public_key, sign_count, aaguid, backed_up)
VALUES ($1::text::uuid, $2::uuid, $3::timestamptz, $4::uuid, $5::varchar, $6::varchar,
        $7::varchar, $8::text, $9::bigint, $10::varchar, $11::bool)
ON CONFLICT (tenant_id, credential_id) DO NOTHING RETURNING {SHOWN}"""  # noqa: S608  # our names
)
FIND_PASSKEY = Statement(
    """SELECT p.id, p.user_id, p.public_key, p.sign_count FROM home__.passkeys p
 WHERE p.tenant_id = $1::text::uuid AND p.credential_id = $2::varchar
   AND p.host = $3::varchar FOR UPDATE"""
)
USE_PASSKEY = Statement(
    """UPDATE home__.passkeys p SET sign_count = $3::bigint, backed_up = $4::bool,
       last_used_at = $5::timestamptz
 WHERE p.tenant_id = $1::text::uuid AND p.id = $2::uuid"""
)
RENAME_PASSKEY = Statement(
    f"""UPDATE home__.passkeys p SET name = $4::varchar
 WHERE p.tenant_id = $1::text::uuid AND p.user_id = $2::uuid AND p.id = $3::uuid
RETURNING {SHOWN}"""  # noqa: S608  # our names
)
DROP_PASSKEY = Statement(
    """DELETE FROM home__.passkeys p WHERE p.tenant_id = $1::text::uuid
   AND p.user_id = $2::uuid AND p.id = $3::uuid RETURNING p.id"""
)
DROP_PASSKEYS = Statement(
    """DELETE FROM home__.passkeys p WHERE p.tenant_id = $1::text::uuid
   AND p.user_id = $2::uuid RETURNING p.id"""
)

# Users and their sessions

MARK = Statement(
    """UPDATE home__.users u SET second_factor_at = CASE
       WHEN EXISTS (SELECT FROM home__.totp_factors t
                     WHERE t.tenant_id = $1::text::uuid AND t.user_id = u.id
                       AND t.confirmed_at IS NOT NULL)
         OR EXISTS (SELECT FROM home__.passkeys p
                     WHERE p.tenant_id = $1::text::uuid AND p.user_id = u.id)
       THEN COALESCE(u.second_factor_at, $3::timestamptz) END
 WHERE u.tenant_id = $1::text::uuid AND u.id = $2::uuid
RETURNING u.second_factor_at IS NOT NULL AS has_one"""
)
LOCK_USER = Statement(
    """SELECT u.email, u.name, u.password, u.second_factor_at FROM home__.users u
 WHERE u.tenant_id = $1::text::uuid AND u.id = $2::uuid AND u.deleted_at IS NULL
   FOR NO KEY UPDATE"""
)
PROVE = Statement(
    """UPDATE home__.sessions s SET proved_at = $4::timestamptz,
       factors = CASE WHEN s.factors ? $5::text THEN s.factors
                      ELSE s.factors || to_jsonb($5::text) END
 WHERE s.tenant_id = $1::text::uuid AND s.id = $2::uuid AND s.user_id = $3::uuid
   AND s.revoked_at IS NULL RETURNING s.id"""
)

# Magic links

ADDRESS = Statement(
    """SELECT u.email FROM home__.users u WHERE u.tenant_id = $1::text::uuid
   AND u.id = $2::uuid AND u.disabled_at IS NULL AND u.deleted_at IS NULL FOR UPDATE"""
)
SENT_LATELY = Statement(
    """SELECT count(*) AS sent FROM home__.one_time_tokens o
 WHERE o.tenant_id = $1::text::uuid AND o.subject_id = $2::uuid
   AND o.purpose = $3::varchar AND o.created_at > $4::timestamptz"""
)
VERIFY = Statement(
    """UPDATE home__.users u SET email_verified_at = $3::timestamptz
 WHERE u.tenant_id = $1::text::uuid AND u.id = $2::uuid
   AND u.email_verified_at IS NULL RETURNING u.id"""
)
