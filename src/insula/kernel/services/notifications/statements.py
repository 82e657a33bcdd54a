"""The statements of notifications: each names its user, whose alone the rows are."""

from insula.kernel.database.session import CONTEXT, Statement

SHOWN = "n.id, n.kind, n.title, n.body, n.link, n.event_id, n.read_at, n.created_at"
MINE = (
    "n.tenant_id = $1::text::uuid AND n.user_id = $2::uuid"
    " AND n.in_app AND n.deleted_at IS NULL"
)

PEOPLE = """SELECT u.id, u.email, COALESCE(u.locale, u.settings->>'locale') AS locale
  FROM home__.users u WHERE u.tenant_id = $1::text::uuid
   AND u.disabled_at IS NULL AND u.deleted_at IS NULL"""
BY_ID = Statement(f"{PEOPLE} AND u.id = ANY($2::uuid[]) ORDER BY u.id")
# Few are notified by their role at a time; reading all users of a tenant is cheap enough.
BY_ROLE = Statement(f"{PEOPLE} AND u.roles ?| $2::text[] ORDER BY u.id LIMIT 1000")

WISHES = Statement(
    """SELECT p.user_id, p.pattern, p.in_app, p.mail, p.digest
  FROM home__.notification_preferences p WHERE p.tenant_id = $1::text::uuid
   AND p.user_id = ANY($2::uuid[]) AND p.deleted_at IS NULL"""
)
# Who listens to events is told with the row; the event names the user, not the text.
ADD = Statement(
    """WITH made AS (
    INSERT INTO home__.notifications (tenant_id, id, version, created_at, updated_at,
           user_id, kind, title, body, link, cause, event_id, in_app, digest_due)
    SELECT $1::text::uuid, i.id, 1, $2::timestamptz, $2::timestamptz, i.user_id,
           $3::varchar, i.title, i.body, $4::varchar, $5::varchar, $6::uuid, i.in_app,
           i.digest_due
      FROM unnest($7::uuid[], $8::uuid[], $9::varchar[], $10::text[], $11::bool[],
                  $12::bool[]) AS i(id, user_id, title, body, in_app, digest_due)
    ON CONFLICT (tenant_id, user_id, kind, cause) WHERE cause IS NOT NULL DO NOTHING
    RETURNING id, user_id, in_app),
told AS (
    INSERT INTO home__.outbox (tenant_id, id, created_at, name, resource_id, payload)
    SELECT $1::text::uuid, gen_random_uuid(), $2::timestamptz, 'notification.created',
           made.user_id, jsonb_build_object('id', made.id)
      FROM made WHERE made.in_app)
SELECT id FROM made"""
)

PAGE = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT {SHOWN} FROM home__.notifications n WHERE n.tenant_id = ctx.tenant_id
       AND n.user_id = $2::uuid AND n.in_app AND n.deleted_at IS NULL
       AND ($3::uuid IS NULL OR n.id < $3::uuid)
       AND ($4::bool IS NULL OR (n.read_at IS NULL) = $4::bool)
     ORDER BY n.id DESC LIMIT $5::bigint) r"""  # noqa: S608  # our names
)
UNREAD = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT count(*) AS unread FROM home__.notifications n
     WHERE n.tenant_id = ctx.tenant_id AND n.user_id = $2::uuid AND n.in_app
       AND n.deleted_at IS NULL AND n.read_at IS NULL) r"""  # noqa: S608  # our names
)
LOCK_ONE = Statement(
    f"SELECT {SHOWN} FROM home__.notifications n WHERE {MINE} AND n.id = $3::uuid"  # noqa: S608  # our names
    " FOR UPDATE"
)
READ_ONE = Statement(
    f"""UPDATE home__.notifications n SET read_at = $4::timestamptz,
       updated_at = $4::timestamptz, version = version + 1
 WHERE {MINE} AND n.id = $3::uuid RETURNING {SHOWN}"""  # noqa: S608  # our names
)
READ_ALL = Statement(
    f"""WITH read AS (
    UPDATE home__.notifications n SET read_at = $4::timestamptz,
           updated_at = $4::timestamptz, version = version + 1
     WHERE {MINE} AND n.read_at IS NULL AND ($3::uuid IS NULL OR n.id <= $3::uuid)
    RETURNING 1)
SELECT count(*) AS read FROM read"""  # noqa: S608  # our names
)

FORGET_WISHES = Statement(
    """DELETE FROM home__.notification_preferences
 WHERE tenant_id = $1::text::uuid AND user_id = $2::uuid"""
)
ADD_WISHES = Statement(
    """INSERT INTO home__.notification_preferences (tenant_id, id, version, created_at,
       updated_at, user_id, pattern, in_app, mail, digest)
SELECT $1::text::uuid, i.id, 1, $3::timestamptz, $3::timestamptz, $2::uuid, i.pattern,
       i.in_app, i.mail, i.digest
  FROM unnest($4::uuid[], $5::varchar[], $6::bool[], $7::bool[], $8::varchar[])
       AS i(id, pattern, in_app, mail, digest)"""
)
LOCK_USER = Statement(
    """SELECT 1 FROM home__.users
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid FOR NO KEY UPDATE"""
)
DUE_USERS = Statement(
    """SELECT DISTINCT n.user_id FROM home__.notifications n
 WHERE n.tenant_id = $1::text::uuid AND n.digest_due ORDER BY n.user_id LIMIT $2::bigint"""
)
TAKE_DUE = Statement(
    """WITH due AS (
    SELECT n.id, n.title FROM home__.notifications n WHERE n.tenant_id = $1::text::uuid
       AND n.user_id = $2::uuid AND n.digest_due ORDER BY n.id FOR UPDATE),
taken AS (
    UPDATE home__.notifications n SET digest_due = false FROM due
     WHERE n.tenant_id = $1::text::uuid AND n.id = due.id RETURNING n.id)
SELECT due.title FROM due JOIN taken ON taken.id = due.id ORDER BY due.id"""
)
