"""The statements of API keys that no declared row can say."""

from insula.kernel.database.session import CONTEXT, Statement


def find_in(table: str, *columns: str) -> Statement:
    """The credential of an id in a table of ours, with these columns beside the usual."""
    more = "".join(f", k.{name}" for name in columns)
    return Statement(
        f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT k.id, k.hash, k.expires_at, k.revoked_at, k.last_used_at{more}
      FROM home__.{table} k
     WHERE k.tenant_id = ctx.tenant_id AND k.id = $2::uuid
       AND k.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
    )


def used_in(table: str) -> Statement:
    """Note when it was used, in one round trip and without waking anybody."""
    return Statement(
        f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT k.tenant_id, k.id FROM home__.{table} k
         WHERE k.tenant_id = ctx.tenant_id AND k.id = $2::uuid
           AND (k.last_used_at IS NULL OR k.last_used_at <= $4::timestamptz)
         LIMIT 1 FOR UPDATE SKIP LOCKED) o)
UPDATE home__.{table} k SET last_used_at = $3::timestamptz
  FROM old WHERE (SELECT true FROM old)
   AND k.tenant_id = old.tenant_id AND k.id = old.id"""  # noqa: S608  # our names
    )


FIND, USED = find_in("api_keys", "scopes", "owner_id"), used_in("api_keys")
OWN = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT k.id, k.name, k.scopes, k.prefix, k.created_at, k.expires_at,
           k.last_used_at, k.revoked_at FROM home__.api_keys k
     WHERE k.tenant_id = ctx.tenant_id AND k.owner_id = $2::uuid
       AND k.deleted_at IS NULL ORDER BY k.id DESC LIMIT 200) r"""  # noqa: S608  # our names
)
