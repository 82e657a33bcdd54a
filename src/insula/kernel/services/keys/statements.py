"""The statements of API keys that no declared row can say."""

from insula.kernel.database.session import CONTEXT, Statement

FIND = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT k.id, k.hash, k.scopes, k.owner_id, k.expires_at, k.revoked_at,
           k.last_used_at FROM home__.api_keys k
     WHERE k.tenant_id = ctx.tenant_id AND k.id = $2::uuid
       AND k.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)
# In one round trip and without waking anybody: nothing follows from it.
USED = Statement(
    f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT k.tenant_id, k.id FROM home__.api_keys k
         WHERE k.tenant_id = ctx.tenant_id AND k.id = $2::uuid
           AND (k.last_used_at IS NULL OR k.last_used_at <= $4::timestamptz)
         LIMIT 1 FOR UPDATE SKIP LOCKED) o)
UPDATE home__.api_keys k SET last_used_at = $3::timestamptz
  FROM old WHERE (SELECT true FROM old)
   AND k.tenant_id = old.tenant_id AND k.id = old.id"""  # noqa: S608  # our names
)
OWN = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT k.id, k.name, k.scopes, k.prefix, k.created_at, k.expires_at,
           k.last_used_at, k.revoked_at FROM home__.api_keys k
     WHERE k.tenant_id = ctx.tenant_id AND k.owner_id = $2::uuid
       AND k.deleted_at IS NULL ORDER BY k.id DESC LIMIT 200) r"""  # noqa: S608  # our names
)
