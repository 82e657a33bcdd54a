"""The statements of accounts: what concerns secrets, sessions and several rows at once."""

from insula.kernel.database.session import CONTEXT, Statement

MINE = "tenant_id = $1::text::uuid"

# Whoever takes an owner's rights away holds all owners, in the order of their ids: the
# second of two who do so at once sees what the first has left.
HOLD_OWNERS = Statement(
    f"""SELECT id, roles ?| $3::text[] AND disabled_at IS NULL AS owns FROM home__.users
 WHERE {MINE} AND deleted_at IS NULL
   AND (id = $2::uuid OR (roles ?| $3::text[] AND disabled_at IS NULL))
 ORDER BY id FOR UPDATE"""  # noqa: S608  # our names
)
TRASHED = Statement(
    f"""SELECT roles FROM home__.users
 WHERE {MINE} AND id = $2::uuid AND deleted_at IS NOT NULL"""  # noqa: S608  # our names
)
BY_ADDRESS = Statement(
    f"""SELECT id, name, email_verified_at, disabled_at, deleted_at FROM home__.users
 WHERE {MINE} AND email = $2::varchar"""  # noqa: S608  # our names
)
# The hash is compared, so that of two changes at once one is refused.
CHANGE_PASSWORD = Statement(
    f"""UPDATE home__.users SET password = $3::text, password_changed_at = $5::timestamptz,
       updated_at = $5::timestamptz, version = version + 1
 WHERE {MINE} AND id = $2::uuid AND password = $4::text AND disabled_at IS NULL
   AND deleted_at IS NULL RETURNING id"""  # noqa: S608  # our names
)
# Whoever has the mail has the address.
RESET_PASSWORD = Statement(
    f"""UPDATE home__.users SET password = $3::text, password_changed_at = $5::timestamptz,
       email_verified_at = COALESCE(email_verified_at, $5::timestamptz),
       updated_at = $5::timestamptz, version = version + 1
 WHERE {MINE} AND id = $2::uuid AND email = $4::varchar AND disabled_at IS NULL
   AND deleted_at IS NULL RETURNING id"""  # noqa: S608  # our names
)
END_SESSIONS = Statement(
    f"""UPDATE home__.sessions SET revoked_at = $3::timestamptz
 WHERE {MINE} AND user_id = $2::uuid AND revoked_at IS NULL
   AND ($4::uuid IS NULL OR id <> $4::uuid) RETURNING id"""  # noqa: S608  # our names
)
# What opens an account beside its password, and stays when that is another one.
KEPT_WAYS = Statement(
    f"""SELECT (SELECT count(*) FROM home__.api_keys k
          WHERE k.{MINE} AND k.owner_id = $2::uuid AND k.revoked_at IS NULL
            AND k.deleted_at IS NULL
            AND (k.expires_at IS NULL OR k.expires_at > $3::timestamptz)) AS tokens,
       (SELECT count(*) FROM home__.passkeys p
          WHERE p.{MINE} AND p.user_id = $2::uuid) AS passkeys,
       (SELECT count(*) FROM home__.user_identities i
          WHERE i.{MINE} AND i.user_id = $2::uuid) AS providers"""  # noqa: S608  # our names
)
# Nobody has confirmed, used or touched what somebody began for an address.
UNCONFIRMED = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT u.id FROM home__.users u WHERE u.tenant_id = ctx.tenant_id
       AND u.registered_at < $2::timestamptz AND u.email_verified_at IS NULL
       AND u.last_login_at IS NULL AND u.version = 1 AND u.deleted_at IS NULL
     ORDER BY u.id LIMIT 1000) r"""  # noqa: S608  # our names
)
FORGET_TRIES = Statement(
    f"""UPDATE home__.login_events SET user_id = NULL
 WHERE {MINE} AND user_id = $2::uuid"""  # noqa: S608  # our names
)
FORGET_MAILS = Statement(
    f"""DELETE FROM home__.mails WHERE {MINE} AND user_id = $2::uuid"""  # noqa: S608  # our names
)
FORGET_TOKENS = Statement(
    f"""DELETE FROM home__.one_time_tokens
 WHERE {MINE} AND subject_id = $2::uuid"""  # noqa: S608  # our names
)
FORGET_USER = Statement(
    f"""DELETE FROM home__.users WHERE {MINE} AND id = $2::uuid
   AND email_verified_at IS NULL AND last_login_at IS NULL AND version = 1"""  # noqa: S608  # our names
)
END_SESSION = Statement(
    f"""UPDATE home__.sessions SET revoked_at = $4::timestamptz
 WHERE {MINE} AND user_id = $2::uuid AND id = $3::uuid AND revoked_at IS NULL
   AND expires_at > $4::timestamptz RETURNING id"""  # noqa: S608  # our names
)
OWN_SESSIONS = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT s.id, s.kind, s.factors, s.client, s.user_agent, s.created_at,
           COALESCE(s.rotated_at, s.created_at) AS seen_at, s.expires_at
      FROM home__.sessions s WHERE s.tenant_id = ctx.tenant_id
       AND s.user_id = $2::uuid AND s.revoked_at IS NULL
       AND s.expires_at > $3::timestamptz ORDER BY s.id DESC LIMIT 100) r"""  # noqa: S608  # our names
)
EARLIER = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT s.client, s.user_agent FROM home__.sessions s
     WHERE s.tenant_id = ctx.tenant_id AND s.user_id = $2::uuid AND s.id < $3::uuid
     ORDER BY s.id DESC LIMIT 200) r"""  # noqa: S608  # our names
)
# By the user, whose mails an index finds.
MAILS_LATELY = Statement(
    f"""SELECT count(*) AS sent FROM home__.mails
 WHERE {MINE} AND user_id = $2::uuid AND template = $3::varchar
   AND created_at > $4::timestamptz"""  # noqa: S608  # our names
)
# Whoever has mails sent to somebody at the same moment waits, so that all are counted.
QUEUE_UP = Statement(
    f"""SELECT true FROM home__.users
 WHERE {MINE} AND id = $2::uuid FOR NO KEY UPDATE"""  # noqa: S608  # our names
)
TOKENS_LATELY = Statement(
    f"""SELECT count(*) AS issued FROM home__.one_time_tokens
 WHERE {MINE} AND subject_id = $2::uuid AND purpose = $3::varchar
   AND created_at > $4::timestamptz"""  # noqa: S608  # our names
)
RENEWED = Statement(
    f"""UPDATE home__.invitations SET token_hash = $3::varchar
 WHERE {MINE} AND id = $2::uuid"""  # noqa: S608  # our names
)
REMOVE_AVATARS = Statement(
    f"""UPDATE home__.files SET deleted_at = $3::timestamptz,
       updated_at = $3::timestamptz, version = version + 1
 WHERE {MINE} AND subject_type = 'user' AND subject_id = $2::uuid
   AND owner_id = $2::uuid AND name = 'avatar' AND id IS DISTINCT FROM $4::uuid
   AND deleted_at IS NULL RETURNING id"""  # noqa: S608  # our names
)
