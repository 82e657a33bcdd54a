"""The statements of OAuth."""

from insula.kernel.database.session import CONTEXT, Statement

CLIENT = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT c.id, c.name, c.kind, c.flows, c.redirect_uris, c.scopes, c.secret_hash
      FROM home__.oauth_clients c
     WHERE c.tenant_id = ctx.tenant_id AND c.id = $2::uuid
       AND c.disabled_at IS NULL AND c.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)
NEW_SECRET = Statement(
    """UPDATE home__.oauth_clients SET secret_hash = $3::varchar,
       version = version + 1, updated_at = $4::timestamptz
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid"""
)

GRANTED = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT g.scopes FROM home__.oauth_grants g
     WHERE g.tenant_id = ctx.tenant_id AND g.user_id = $2::uuid
       AND g.client_id = $3::uuid AND g.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)
GRANT = Statement(
    """INSERT INTO home__.oauth_grants AS g (tenant_id, id, version, created_at,
       updated_at, user_id, client_id, scopes)
VALUES ($1::text::uuid, $2::uuid, 1, $3::timestamptz, $3::timestamptz, $4::uuid,
       $5::uuid, $6::text::jsonb)
    ON CONFLICT (tenant_id, user_id, client_id) DO UPDATE
   SET scopes = (SELECT jsonb_agg(DISTINCT s) FROM jsonb_array_elements(
                 CASE WHEN g.deleted_at IS NULL THEN g.scopes ELSE '[]' END
                 || excluded.scopes) AS s),
       deleted_at = NULL, version = g.version + 1, updated_at = $3::timestamptz"""
)
OWN_GRANTS = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT g.client_id, c.name, g.scopes, g.created_at, g.updated_at
      FROM home__.oauth_grants g JOIN home__.oauth_clients c
        ON c.tenant_id = g.tenant_id AND c.id = g.client_id
     WHERE g.tenant_id = ctx.tenant_id AND c.tenant_id = ctx.tenant_id
       AND g.user_id = $2::uuid AND g.deleted_at IS NULL
     ORDER BY g.id DESC LIMIT 200) r"""  # noqa: S608  # our names
)
KNOWN_CLIENT = Statement(
    """SELECT 1 FROM home__.oauth_clients
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid AND deleted_at IS NULL"""
)
WITHDRAW = Statement(
    """UPDATE home__.oauth_grants SET deleted_at = $4::timestamptz,
       version = version + 1, updated_at = $4::timestamptz
 WHERE tenant_id = $1::text::uuid AND user_id = $2::uuid AND client_id = $3::uuid
   AND deleted_at IS NULL RETURNING id"""
)
# Codes that nobody has used yet die too, so that nothing comes of them later.
END_CODES = Statement(
    """UPDATE home__.oauth_codes SET used_at = $4::timestamptz
 WHERE tenant_id = $1::text::uuid AND client_id = $2::uuid AND used_at IS NULL
   AND ($3::uuid IS NULL OR user_id = $3::uuid)"""
)
END_SESSIONS = Statement(
    """UPDATE home__.sessions SET revoked_at = $4::timestamptz
 WHERE tenant_id = $1::text::uuid AND client_id = $2::uuid AND revoked_at IS NULL
   AND ($3::uuid IS NULL OR user_id = $3::uuid) RETURNING user_id"""
)
SESSION = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT s.client_id, s.user_id, s.scopes, s.generation, s.refresh_hash,
           s.expires_at, s.revoked_at, s.created_at FROM home__.sessions s
     WHERE s.tenant_id = ctx.tenant_id AND s.id = $2::uuid
       AND s.client_id IS NOT NULL LIMIT 1) r"""  # noqa: S608  # our names
)

ADD_CODE = Statement(
    """INSERT INTO home__.oauth_codes (tenant_id, id, created_at, client_id, user_id,
       hash, redirect_uri, scopes, challenge, factors, expires_at)
VALUES ($1::text::uuid, $2::uuid, $3::timestamptz, $4::uuid, $5::uuid, $6::varchar,
       $7::text, $8::text::jsonb, $9::varchar, $10::text::jsonb, $11::timestamptz)"""
)
LOCK_CODE = Statement(
    """SELECT client_id, user_id, hash, redirect_uri, scopes, challenge, factors,
       expires_at, used_at, session_id FROM home__.oauth_codes
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid FOR UPDATE"""
)
USE_CODE = Statement(
    """UPDATE home__.oauth_codes SET used_at = $3::timestamptz, session_id = $4::uuid
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid"""
)

ADD_TOKEN = Statement(
    """INSERT INTO home__.oauth_tokens (tenant_id, id, created_at, client_id, hash,
       scopes, expires_at)
VALUES ($1::text::uuid, $2::uuid, $3::timestamptz, $4::uuid, $5::varchar,
       $6::text::jsonb, $7::timestamptz)"""
)
TOKEN = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT t.id, t.hash, t.client_id, t.scopes, t.created_at, t.expires_at
      FROM home__.oauth_tokens t JOIN home__.oauth_clients c
        ON c.tenant_id = t.tenant_id AND c.id = t.client_id
     WHERE t.tenant_id = ctx.tenant_id AND c.tenant_id = ctx.tenant_id
       AND t.id = $2::uuid AND t.revoked_at IS NULL
       AND t.expires_at > $3::timestamptz AND c.disabled_at IS NULL
       AND c.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)
END_TOKEN = Statement(
    """UPDATE home__.oauth_tokens SET revoked_at = $3::timestamptz
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid AND revoked_at IS NULL"""
)

PRUNE_CODES = Statement(
    """DELETE FROM home__.oauth_codes
 WHERE tenant_id = $1::text::uuid AND expires_at < $2::timestamptz"""
)
PRUNE_TOKENS = Statement(
    """DELETE FROM home__.oauth_tokens
 WHERE tenant_id = $1::text::uuid AND expires_at < $2::timestamptz"""
)
