"""Reading: users and teams as a directory sees them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from scim2_models import Meta, NotFoundException, ScimFilter, SearchRequest

from insula.kernel.access.operation import Call
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Statement, Transaction
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.services.scim.addresses import ROOT
from insula.kernel.services.scim.filters import Columns, Many, condition
from insula.kernel.services.scim.schemas import MOST_RESULTS, Group, User

USERS = """
SELECT u.tenant_id, u.id, u.created_at, u.external_id, u.roles,
       GREATEST(u.updated_at, s.updated_at) AS updated_at,
       u.disabled_at IS NULL AS active, COALESCE(s.user_name, u.email) AS user_name,
       COALESCE(s.attributes, jsonb_build_object(
           'displayName', u.name, 'emails', jsonb_build_array(jsonb_build_object(
               'value', u.email, 'type', 'work', 'primary', true)))) AS doc
  FROM home__.users u LEFT JOIN home__.scim_users s
    ON s.tenant_id = u.tenant_id AND s.user_id = u.id AND s.deleted_at IS NULL
 WHERE u.tenant_id = $1::text::uuid AND u.deleted_at IS NULL"""
GROUPS = """
SELECT t.tenant_id, t.id, t.created_at, t.updated_at, t.name, g.external_id
  FROM home__.teams t LEFT JOIN home__.scim_groups g
    ON g.tenant_id = t.tenant_id AND g.team_id = t.id AND g.deleted_at IS NULL
 WHERE t.tenant_id = $1::text::uuid AND t.deleted_at IS NULL"""
MEMBERSHIPS = Statement(
    """SELECT m.user_id, t.id, t.name FROM home__.team_members m JOIN home__.teams t
    ON t.tenant_id = m.tenant_id AND t.id = m.team_id
 WHERE m.tenant_id = $1::text::uuid AND m.user_id = ANY($2::uuid[])
   AND m.deleted_at IS NULL AND t.deleted_at IS NULL ORDER BY t.name, t.id"""
)
MEMBERS = Statement(
    """SELECT m.team_id, m.user_id FROM home__.team_members m JOIN home__.users u
    ON u.tenant_id = m.tenant_id AND u.id = m.user_id
 WHERE m.tenant_id = $1::text::uuid AND m.team_id = ANY($2::uuid[])
   AND m.deleted_at IS NULL AND u.deleted_at IS NULL ORDER BY m.user_id"""
)

COMMON = {
    ("id", None): "v.id::text",
    ("external_id", None): "v.external_id",
    ("meta", "created"): "v.created_at",
    ("meta", "last_modified"): "v.updated_at",
}
EMAIL = "jsonb_array_elements(v.doc->'emails') AS e(it)"
TEAMS = (
    "home__.team_members m JOIN home__.teams t ON t.tenant_id = m.tenant_id"
    " AND t.id = m.team_id AND m.tenant_id = v.tenant_id AND m.user_id = v.id"
    " AND m.deleted_at IS NULL AND t.deleted_at IS NULL"
)
PEOPLE = (
    "home__.team_members m JOIN home__.users u ON u.tenant_id = m.tenant_id"
    " AND u.id = m.user_id AND m.tenant_id = v.tenant_id AND m.team_id = v.id"
    " AND m.deleted_at IS NULL AND u.deleted_at IS NULL"
)
USER_COLUMNS = Columns(
    {
        **COMMON,
        ("meta", "resource_type"): "'User'",
        ("user_name", None): "v.user_name",
        ("active", None): "v.active",
        ("display_name", None): "v.doc->>'displayName'",
        ("title", None): "v.doc->>'title'",
        ("preferred_language", None): "v.doc->>'preferredLanguage'",
        ("name", "formatted"): "v.doc#>>'{name,formatted}'",
        ("name", "family_name"): "v.doc#>>'{name,familyName}'",
        ("name", "given_name"): "v.doc#>>'{name,givenName}'",
    },
    {
        "emails": Many(
            EMAIL,
            {
                "value": "e.it->>'value'",
                "type": "e.it->>'type'",
                "primary": "(e.it->>'primary')::boolean",
            },
        ),
        "groups": Many(TEAMS, {"value": "t.id::text", "display": "t.name"}),
    },
)
GROUP_COLUMNS = Columns(
    {
        **COMMON,
        ("meta", "resource_type"): "'Group'",
        ("display_name", None): "v.name",
    },
    {"members": Many(PEOPLE, {"value": "m.user_id::text", "type": "'User'"})},
)


class Span(NamedTuple):
    """Which of all that is found."""

    offset: int
    limit: int


def span_of(asked: SearchRequest[Any]) -> Span:
    """The page that a request asks for, never larger than we say."""
    count = MOST_RESULTS if asked.count is None else min(asked.count, MOST_RESULTS)
    return Span(min(asked.start_index_0 or 0, 2**31), count)


class Rows(NamedTuple):
    """Some of what is found, and how much there is."""

    total: int
    rows: Sequence[Record]


async def select(
    transaction: Transaction,
    view: str,
    columns: Columns,
    asked: ScimFilter[Any] | None,
    span: Span,
) -> Rows:
    """Rows of a view that a filter lets through."""
    where, values = condition(asked, columns, 2)
    found = f"FROM ({view}) v WHERE {where}"
    counted = Statement(f"SELECT count(*) AS total {found}")  # ours
    total = (await transaction.fetch(counted, *values))[0]["total"]
    if not span.limit or span.offset >= total:
        return Rows(total, ())
    at = len(values) + 2
    paged = f"SELECT v.* {found} ORDER BY v.id OFFSET ${at}::bigint LIMIT ${at + 1}::bigint"  # ours
    return Rows(total, await transaction.fetch(Statement(paged), *values, *span))


def key_of(call: Call) -> UUID:
    """The id in the path; one that is malformed is simply not found."""
    found = parse_uuid(call.key)
    if found is None:
        raise NotFoundException(detail="there is no such resource")
    return found


ONE_USER = Statement(f"{USERS} AND u.id = $2::uuid")
ONE_GROUP = Statement(f"{GROUPS} AND t.id = $2::uuid")


async def user_row(transaction: Transaction, user_id: UUID) -> Record:
    """One user; raises ``NotFoundException``."""
    return _one(await transaction.fetch(ONE_USER, user_id))


async def group_row(transaction: Transaction, team_id: UUID) -> Record:
    """One team; raises ``NotFoundException``."""
    return _one(await transaction.fetch(ONE_GROUP, team_id))


def _one(rows: Sequence[Record]) -> Record:
    if not rows:
        raise NotFoundException(detail="there is no such resource")
    return rows[0]


async def users_of(
    transaction: Transaction, rows: Sequence[Record], base: str
) -> list[User]:
    """Users as SCIM has them, each with its groups."""
    ids = [row["id"] for row in rows]
    found = await transaction.fetch(MEMBERSHIPS, ids) if ids else ()
    teams: dict[UUID, list[dict[str, str]]] = defaultdict(list)
    for team in found:
        where = f"{base}{ROOT}/Groups/{team['id']}"
        said = {"value": str(team["id"]), "$ref": where, "display": team["name"]}
        teams[team["user_id"]].append(said)
    return [_user(row, teams.get(row["id"]), base) for row in rows]


def _user(row: Record, teams: Sequence[Mapping[str, str]] | None, base: str) -> User:
    user = User.model_validate(
        {
            **msgspec.json.decode(row["doc"]),
            "id": str(row["id"]),
            "externalId": row["external_id"],
            "userName": row["user_name"],
            "active": row["active"],
            "groups": teams,
        }
    )
    user.meta = _meta(row, "User", f"{base}{ROOT}/Users/{row['id']}")
    return user


async def groups_of(
    transaction: Transaction, rows: Sequence[Record], base: str
) -> list[Group]:
    """Teams as SCIM has them, each with its members."""
    ids = [row["id"] for row in rows]
    found = await transaction.fetch(MEMBERS, ids) if ids else ()
    members: dict[UUID, list[dict[str, str]]] = defaultdict(list)
    for it in found:
        where = f"{base}{ROOT}/Users/{it['user_id']}"
        said = {"value": str(it["user_id"]), "$ref": where, "type": "User"}
        members[it["team_id"]].append(said)
    return [_group(row, members.get(row["id"]), base) for row in rows]


def _group(
    row: Record, members: Sequence[Mapping[str, str]] | None, base: str
) -> Group:
    group = Group.model_validate(
        {
            "id": str(row["id"]),
            "externalId": row["external_id"],
            "displayName": row["name"],
            "members": members,
        }
    )
    group.meta = _meta(row, "Group", f"{base}{ROOT}/Groups/{row['id']}")
    return group


def _meta(row: Record, kind: str, location: str) -> Meta:
    return Meta(
        resource_type=kind,
        created=row["created_at"],
        last_modified=row["updated_at"],
        location=location,
    )
