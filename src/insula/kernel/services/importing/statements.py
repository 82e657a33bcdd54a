"""The statements of imports: what is counted and kept without a journal of its own."""

from insula.kernel.database.session import Statement

KEPT_ROW = """SELECT number, cells, errors, fixed FROM home__.import_rows
 WHERE tenant_id = $1::text::uuid AND import_id = $2::uuid"""

TALLY = Statement(
    """UPDATE home__.imports SET done = done + $3::bigint, created = created + $4::bigint,
       updated = updated + $5::bigint, skipped = skipped + $6::bigint,
       failed = failed + $7::bigint
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid"""
)
ZERO = Statement(
    """UPDATE home__.imports SET done = 0, created = 0, updated = 0, skipped = 0, failed = 0
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid"""
)
FORGET_ROWS = Statement(
    """DELETE FROM home__.import_rows WHERE tenant_id = $1::text::uuid
   AND import_id = $2::uuid AND number > 0 AND (NOT fixed OR $3::boolean)"""
)
FORGET_ERRORS = Statement(
    """UPDATE home__.import_rows SET errors = '[]' WHERE tenant_id = $1::text::uuid
   AND import_id = $2::uuid AND number > 0"""
)
KEEP = Statement(
    """INSERT INTO home__.import_rows (tenant_id, id, created_at, import_id, number,
       cells, errors, fixed)
SELECT $1::text::uuid, i.id, $2::timestamptz, $3::uuid, i.number, i.cells::jsonb,
       i.errors::jsonb, $4::boolean
  FROM unnest($5::uuid[], $6::bigint[], $7::text[], $8::text[])
       AS i(id, number, cells, errors)
ON CONFLICT (tenant_id, import_id, number) DO UPDATE
   SET cells = EXCLUDED.cells, errors = EXCLUDED.errors,
       fixed = import_rows.fixed OR EXCLUDED.fixed"""
)
FIXED = Statement(f"{KEPT_ROW} AND fixed AND number BETWEEN $3::bigint AND $4::bigint")
SOME = Statement(f"{KEPT_ROW} AND number = ANY($3::bigint[]) FOR UPDATE")
PAGE = Statement(
    f"""{KEPT_ROW} AND number > $3::bigint AND (errors <> '[]' OR NOT $4::boolean)
 ORDER BY number LIMIT $5::bigint"""
)
EXPIRED = Statement(
    """DELETE FROM home__.imports WHERE tenant_id = $1::text::uuid AND id IN (
    SELECT id FROM home__.imports WHERE tenant_id = $1::text::uuid
       AND expires_at < $2::timestamptz LIMIT 100)"""
)
