"""The SQL of webhooks: rows of how things go, which are no event for anybody.

What happens to a delivery is not journalled: it would be an event, which would be
delivered, which would be an event.
"""

from insula.kernel.access.roles import RIGHTS
from insula.kernel.database.session import Statement

LISTENING = Statement(
    """SELECT id, events, keeper_id FROM home__.webhook_endpoints
 WHERE tenant_id = $1::text::uuid AND state = 'active' AND deleted_at IS NULL
 ORDER BY id"""
)
KEEPERS = Statement(
    f"""SELECT u.id, u.roles, {RIGHTS} FROM home__.users u
 WHERE u.tenant_id = $1::text::uuid AND u.id = ANY($2::uuid[])
   AND u.disabled_at IS NULL AND u.deleted_at IS NULL"""  # noqa: S608  # our names
)
RECORD = Statement(
    """INSERT INTO home__.webhook_deliveries (tenant_id, id, created_at, endpoint_id,
       event_id, event_name, sequence, resource_id, state, attempts, next_at)
SELECT $1::text::uuid, i.id, $2::timestamptz, i.endpoint_id, i.event_id, i.event_name,
       i.sequence, i.resource_id, 'waiting', 0, $2::timestamptz
  FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::varchar[], $7::bigint[],
              $8::uuid[])
       AS i(id, endpoint_id, event_id, event_name, sequence, resource_id)
ON CONFLICT (tenant_id, endpoint_id, event_id) DO NOTHING"""
)
FLOW = Statement(
    """SELECT id, url, state, schedule, ordering, concurrency, rate, keeper_id,
       failing_since, strikes, open_until, free_at FROM home__.webhook_endpoints
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid AND deleted_at IS NULL
   FOR UPDATE"""
)
FARE = Statement(
    """UPDATE home__.webhook_endpoints SET failing_since = $3::timestamptz,
       last_success_at = COALESCE($4::timestamptz, last_success_at),
       strikes = $5::bigint, open_until = $6::timestamptz
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid"""
)
SPEND = Statement(
    """UPDATE home__.webhook_endpoints SET free_at = $3::timestamptz
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid"""
)
BUSY = Statement(
    """SELECT count(*) FROM home__.webhook_deliveries WHERE tenant_id = $1::text::uuid
   AND endpoint_id = $2::uuid AND state = 'sending'"""
)
NEXT = Statement(
    """SELECT id, next_at FROM home__.webhook_deliveries
 WHERE tenant_id = $1::text::uuid AND endpoint_id = $2::uuid AND state = 'waiting'
 ORDER BY next_at, id LIMIT $3::bigint"""
)
# Only the first unfinished delivery of a row, or of all, may go.
NEXT_IN_ORDER = Statement(
    """SELECT id, next_at FROM (
    SELECT DISTINCT ON (key) id, next_at, state FROM (
        SELECT id, next_at, state, sequence, CASE WHEN $4::boolean THEN endpoint_id
               ELSE COALESCE(resource_id, id) END AS key
          FROM home__.webhook_deliveries WHERE tenant_id = $1::text::uuid
           AND endpoint_id = $2::uuid AND state IN ('waiting', 'sending')) o
     ORDER BY key, COALESCE(sequence, 0), id) h
 WHERE state = 'waiting' ORDER BY next_at, id LIMIT $3::bigint"""
)
SEND = Statement(
    """UPDATE home__.webhook_deliveries SET state = 'sending'
 WHERE tenant_id = $1::text::uuid AND id = ANY($2::uuid[])"""
)
DELIVERY = Statement(
    """SELECT d.id, d.endpoint_id, d.event_id, d.event_name, d.attempts, d.created_at,
       o.id AS found, o.version, o.sequence, o.created_at AS occurred_at,
       o.resource_id, o.actor_id, o.payload
  FROM home__.webhook_deliveries d LEFT JOIN home__.outbox o
       ON o.tenant_id = $1::text::uuid AND o.id = d.event_id
 WHERE d.tenant_id = $1::text::uuid AND d.id = $2::uuid AND d.state = 'sending'"""
)
LOCK_DELIVERY = Statement(
    """SELECT id, endpoint_id, event_id, event_name, attempts, state
  FROM home__.webhook_deliveries
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid FOR UPDATE"""
)
SETTLE = Statement(
    """UPDATE home__.webhook_deliveries SET state = $3::varchar, attempts = $4::bigint,
       next_at = $5::timestamptz, last_status = $6::bigint, error = $7::varchar,
       milliseconds = $8::bigint, excerpt = $9::varchar, finished_at = $10::timestamptz
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid"""
)
FAIL = Statement(
    """INSERT INTO home__.webhook_failures (tenant_id, id, created_at, endpoint_id,
       delivery_id, event_id, event_name, attempts, last_status, error)
SELECT $1::text::uuid, $2::uuid, $4::timestamptz, endpoint_id, id, event_id,
       event_name, attempts, last_status, error
  FROM home__.webhook_deliveries WHERE tenant_id = $1::text::uuid AND id = $3::uuid"""
)
UNSENT = Statement(
    """SELECT id FROM home__.webhook_deliveries WHERE tenant_id = $1::text::uuid
   AND endpoint_id = $2::uuid AND state = 'waiting' ORDER BY id LIMIT $3::bigint"""
)
GIVE_UP = Statement(
    """WITH given_up AS (
    UPDATE home__.webhook_deliveries d SET state = 'failed', error = $5::varchar,
           finished_at = $4::timestamptz
      FROM unnest($2::uuid[], $3::uuid[]) AS i(id, failure_id)
     WHERE d.tenant_id = $1::text::uuid AND d.id = i.id
    RETURNING d.*, i.failure_id)
INSERT INTO home__.webhook_failures (tenant_id, id, created_at, endpoint_id,
       delivery_id, event_id, event_name, attempts, last_status, error)
SELECT tenant_id, failure_id, $4::timestamptz, endpoint_id, id, event_id, event_name,
       attempts, last_status, error FROM given_up"""
)
AGAIN = Statement(
    """UPDATE home__.webhook_deliveries SET state = 'waiting', attempts = 0,
       next_at = $3::timestamptz, finished_at = NULL
 WHERE tenant_id = $1::text::uuid AND id = ANY($2::uuid[])
   AND state IN ('delivered', 'failed')
RETURNING id"""
)
RANGE = Statement(
    """SELECT id, event_id, state FROM home__.webhook_deliveries
 WHERE tenant_id = $1::text::uuid AND endpoint_id = $2::uuid AND id > $3::uuid
   AND created_at >= $4::timestamptz AND created_at < $5::timestamptz
 ORDER BY id LIMIT $6::bigint"""
)
SECRETS = Statement(
    """SELECT sealed FROM home__.webhook_secrets WHERE tenant_id = $1::text::uuid
   AND endpoint_id = $2::uuid AND (expires_at IS NULL OR expires_at > $3::timestamptz)
 ORDER BY id DESC"""
)
RETIRE = Statement(
    """WITH over AS (
    DELETE FROM home__.webhook_secrets WHERE tenant_id = $1::text::uuid
       AND endpoint_id = $2::uuid AND expires_at IS NOT NULL)
UPDATE home__.webhook_secrets SET expires_at = $3::timestamptz
 WHERE tenant_id = $1::text::uuid AND endpoint_id = $2::uuid AND expires_at IS NULL"""
)
KEEP = Statement(
    """INSERT INTO home__.webhook_secrets (tenant_id, id, created_at, endpoint_id,
       sealed) VALUES ($1::text::uuid, $2::uuid, $3::timestamptz, $4::uuid, $5)"""
)
# A job that was cancelled, or lost with its row, leaves its delivery behind.
STRAYED = Statement(
    """UPDATE home__.webhook_deliveries d SET state = 'waiting'
 WHERE d.tenant_id = $1::text::uuid AND d.state = 'sending' AND NOT EXISTS (
       SELECT FROM home__.jobs j WHERE j.tenant_id = $1::text::uuid
          AND j.unique_key = 'webhooks.deliver:' || d.id::text
          AND j.state IN ('waiting', 'queued', 'dispatched', 'paused'))"""
)
ORPHANED = Statement(
    """SELECT e.id FROM home__.webhook_endpoints e
 WHERE e.tenant_id = $1::text::uuid AND e.state = 'active' AND e.deleted_at IS NULL
   AND NOT EXISTS (
       SELECT FROM home__.users u WHERE u.tenant_id = $1::text::uuid
          AND u.id = e.keeper_id AND u.disabled_at IS NULL AND u.deleted_at IS NULL)
 ORDER BY e.id"""
)
OVERDUE = Statement(
    """SELECT DISTINCT d.endpoint_id FROM home__.webhook_deliveries d
 WHERE d.tenant_id = $1::text::uuid AND d.state = 'waiting'
   AND d.next_at <= $2::timestamptz ORDER BY d.endpoint_id"""
)
PRUNE = Statement(
    """WITH old AS (
    SELECT id FROM home__.webhook_deliveries WHERE tenant_id = $1::text::uuid
       AND finished_at < $2::timestamptz ORDER BY id LIMIT $3::bigint),
secrets AS (
    DELETE FROM home__.webhook_secrets WHERE tenant_id = $1::text::uuid
       AND expires_at < $2::timestamptz)
DELETE FROM home__.webhook_deliveries d USING old
 WHERE d.tenant_id = $1::text::uuid AND d.id = old.id RETURNING 1"""
)
