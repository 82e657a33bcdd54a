"""The statements of login analytics; days are those of the zone that is given."""

from insula.kernel.database.session import Statement

EVENTS = (
    "INSERT INTO home__.login_events (tenant_id, id, created_at, user_id, succeeded,"
    " method, reason, client, user_agent)"
)
ONCE = "ON CONFLICT (tenant_id, id) DO NOTHING"
ARRIVED = (
    "s.tenant_id, s.id, s.created_at, s.user_id, true, s.factors->>0, NULL, s.client,"
    " s.user_agent"
)

# What a client of somebody's does for them is no sign-in of theirs.
RECORD = Statement(
    f"""{EVENTS}
SELECT {ARRIVED} FROM home__.sessions s
 WHERE s.tenant_id = $1::text::uuid AND s.id = $2::uuid AND s.client_id IS NULL
{ONCE}"""  # noqa: S608  # our names
)
# Both find what was lost between a sign-in and its job: the journal has all of them.
RECORD_ALL = Statement(
    f"""{EVENTS}
SELECT {ARRIVED} FROM home__.audit_log a
  JOIN home__.sessions s ON s.tenant_id = a.tenant_id AND s.id = a.resource_id
 WHERE a.tenant_id = $1::text::uuid AND a.action = 'auth.login' AND a.id >= $2::uuid
   AND a.resource = 'sessions' AND s.tenant_id = $1::text::uuid AND s.client_id IS NULL
{ONCE}"""  # noqa: S608  # our names
)
RECORD_FAILURES = Statement(
    f"""{EVENTS}
SELECT a.tenant_id, a.id, a.created_at, u.id, false, NULL,
       left(a.changes->>'reason', 40), a.client, a.user_agent
  FROM home__.audit_log a
  LEFT JOIN home__.users u ON u.tenant_id = a.tenant_id AND u.id = a.resource_id
 WHERE a.tenant_id = $1::text::uuid AND a.action = 'auth.login_failed'
   AND a.resource = 'users' AND a.id >= $2::uuid
{ONCE}"""  # noqa: S608  # our names
)
LAST_FAILURE = Statement(
    """SELECT max(created_at) AS at FROM home__.login_events
 WHERE tenant_id = $1::text::uuid AND created_at >= $2::timestamptz AND NOT succeeded"""
)

_COUNTED = """WITH e AS MATERIALIZED (
    SELECT (created_at AT TIME ZONE $2::text)::date AS day,
           extract(hour FROM created_at AT TIME ZONE $2::text)::int::text AS hour,
           user_id, succeeded, COALESCE(method, 'unknown') AS method,
           COALESCE(reason, 'unknown') AS reason
      FROM home__.login_events
     WHERE tenant_id = $1::text::uuid
       AND created_at >= $3::date::timestamp AT TIME ZONE $2::text
       AND created_at < $4::date::timestamp AT TIME ZONE $2::text),
methods AS (
    SELECT day, jsonb_object_agg(method, n) AS counts FROM (
        SELECT day, method, count(*) AS n FROM e WHERE succeeded GROUP BY 1, 2) c
     GROUP BY day),
reasons AS (
    SELECT day, jsonb_object_agg(reason, n) AS counts FROM (
        SELECT day, reason, count(*) AS n FROM e WHERE NOT succeeded GROUP BY 1, 2) c
     GROUP BY day),
hours AS (
    SELECT day, jsonb_object_agg(hour, n) AS counts FROM (
        SELECT day, hour, count(*) AS n FROM e WHERE succeeded GROUP BY 1, 2) c
     GROUP BY day),
days AS (
    SELECT day, count(*) FILTER (WHERE succeeded) AS logins,
           count(DISTINCT user_id) FILTER (WHERE succeeded) AS users,
           count(*) FILTER (WHERE NOT succeeded) AS failures FROM e GROUP BY day)"""
_SHOWN = """days.day, days.logins, days.users, days.failures,
       COALESCE(methods.counts, '{}') AS methods,
       COALESCE(reasons.counts, '{}') AS reasons,
       COALESCE(hours.counts, '{}') AS hours
  FROM days LEFT JOIN methods USING (day) LEFT JOIN reasons USING (day)
  LEFT JOIN hours USING (day)"""

COUNT = Statement(f"{_COUNTED} SELECT {_SHOWN} ORDER BY days.day")
CLEAR = Statement(
    """DELETE FROM home__.login_daily WHERE tenant_id = $1::text::uuid
   AND day >= $2::date AND day < $3::date"""
)
FILL = Statement(
    f"""{_COUNTED}
INSERT INTO home__.login_daily (tenant_id, id, created_at, day, logins, users, failures,
       methods, reasons, hours)
SELECT $1::text::uuid, gen_random_uuid(), now(), {_SHOWN}"""  # our names
)
KEPT = Statement(
    """SELECT day, logins, users, failures, methods, reasons, hours
  FROM home__.login_daily WHERE tenant_id = $1::text::uuid
   AND day >= $2::date AND day < $3::date ORDER BY day"""
)
LAST_DAY = Statement(
    "SELECT max(day) AS day FROM home__.login_daily WHERE tenant_id = $1::text::uuid"
)
FIRST_EVENT = Statement(
    """SELECT min(created_at) AS at FROM home__.login_events
 WHERE tenant_id = $1::text::uuid"""
)
PRUNE = Statement(
    """DELETE FROM home__.login_events
 WHERE tenant_id = $1::text::uuid AND created_at < $2::timestamptz"""
)

_OF_USERS = """SELECT e.user_id, count(*) AS logins, max(e.created_at) AS last_login_at
      FROM home__.login_events e
     WHERE e.tenant_id = $1::text::uuid AND e.succeeded AND e.user_id IS NOT NULL
       AND e.created_at >= $3::date::timestamp AT TIME ZONE $2::text
       AND e.created_at < $4::date::timestamp AT TIME ZONE $2::text
     GROUP BY e.user_id"""
USERS = Statement(
    f"""WITH active AS MATERIALIZED ({_OF_USERS}),
most AS (SELECT * FROM active ORDER BY logins DESC, user_id LIMIT $5::bigint)
SELECT (SELECT count(*) FROM active) AS users, most.user_id AS id, u.name, most.logins,
       most.last_login_at
  FROM most LEFT JOIN home__.users u ON u.tenant_id = $1::text::uuid
       AND u.id = most.user_id
 ORDER BY most.logins DESC, most.user_id"""  # noqa: S608  # our names
)
