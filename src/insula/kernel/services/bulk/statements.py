"""Statements of bulk runs: their rows are read and written by the hundred."""

from insula.kernel.database.session import HOME, Statement

MINE = "tenant_id = $1::text::uuid"
RUN = f"{HOME}.bulk_runs"
ROWS = f"{HOME}.bulk_rows"

HOLD = Statement(
    f"""SELECT id, resource, verb, source, command, all_or_nothing, state, undoes,
       created_at FROM {RUN} WHERE {MINE} AND id = $2::uuid FOR UPDATE"""  # noqa: S608  # our names
)
ADD = Statement(
    f"""INSERT INTO {ROWS} (tenant_id, id, created_at, run_id, number, row_id,
       row_version, state, body)
SELECT $1::text::uuid, i.id, $2::timestamptz, $3::uuid, i.number, i.row_id, i.version,
       'waiting', i.body::jsonb
  FROM unnest($4::uuid[], $5::bigint[], $6::uuid[], $7::bigint[], $8::text[])
       AS i(id, number, row_id, version, body)"""  # noqa: S608  # our names
)
LISTED = Statement(
    f"""SELECT number, row_id, row_version, body FROM {ROWS}
 WHERE {MINE} AND run_id = $2::uuid AND number > $3::bigint
 ORDER BY number LIMIT $4::bigint"""  # noqa: S608  # our names
)
UNDONE = Statement(
    f"""SELECT number, row_id, row_version, before AS body FROM {ROWS}
 WHERE {MINE} AND run_id = $2::uuid AND number > $3::bigint AND state = 'done'
   AND before IS DISTINCT FROM '{{}}'
 ORDER BY number LIMIT $4::bigint"""  # noqa: S608  # our names
)
COUNT_DONE = Statement(
    f"""SELECT count(*) AS rows FROM {ROWS}
 WHERE {MINE} AND run_id = $2::uuid AND state = 'done'
   AND before IS DISTINCT FROM '{{}}'"""  # noqa: S608  # our names
)
RESULTS = """unnest($3::uuid[], $4::bigint[], $5::uuid[], $6::bigint[], $7::varchar[],
       $8::text[], $9::text[])
       AS i(id, number, row_id, version, state, before, errors)"""
SETTLE = Statement(
    f"""UPDATE {ROWS} b SET row_id = COALESCE(i.row_id, b.row_id), body = NULL,
       row_version = i.version, state = i.state, before = i.before::jsonb,
       errors = i.errors::jsonb
  FROM {RESULTS} WHERE b.{MINE} AND b.run_id = $2::uuid AND b.number = i.number
   AND $10::timestamptz IS NOT NULL"""  # noqa: S608  # our names
)
RECORD = Statement(
    f"""INSERT INTO {ROWS} (tenant_id, id, created_at, run_id, number, row_id,
       row_version, state, before, errors)
SELECT $1::text::uuid, i.id, $10::timestamptz, $2::uuid, i.number, i.row_id, i.version,
       i.state, i.before::jsonb, i.errors::jsonb FROM {RESULTS}"""  # noqa: S608  # our names
)
ADVANCE = Statement(
    f"""UPDATE {RUN} SET version = version + 1, updated_at = $3::timestamptz,
       state = 'running', done = done + $4::bigint, failed = failed + $5::bigint,
       total = COALESCE($6::bigint, total)
 WHERE {MINE} AND id = $2::uuid"""  # noqa: S608  # our names
)
END = Statement(
    f"""UPDATE {RUN} SET version = version + 1, updated_at = $3::timestamptz,
       ended_at = $3::timestamptz, state = $4::varchar, problem = $5::text,
       undo_until = CASE WHEN done > 0 THEN $6::timestamptz END
 WHERE {MINE} AND id = $2::uuid AND ended_at IS NULL RETURNING done, failed"""  # noqa: S608  # our names
)
UNTIE = Statement(
    f"""UPDATE {RUN} SET undone_by = NULL, version = version + 1
 WHERE {MINE} AND undone_by = $2::uuid AND id = $3::uuid"""  # noqa: S608  # our names
)
SHOW = """SELECT number, row_id, row_version, state, errors FROM {rows}
 WHERE {mine} AND run_id = $2::uuid AND number > $3::bigint{only}
 ORDER BY number LIMIT $4::bigint"""
EVERY = Statement(SHOW.format(rows=ROWS, mine=MINE, only=""))
FAILED = Statement(SHOW.format(rows=ROWS, mine=MINE, only=" AND state = 'failed'"))
PRUNE = Statement(
    f"""DELETE FROM {RUN} WHERE {MINE} AND id IN (
    SELECT id FROM {RUN} WHERE {MINE} AND ended_at < $2::timestamptz
     ORDER BY ended_at LIMIT 100)"""  # noqa: S608  # our names
)
