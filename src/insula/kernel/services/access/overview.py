"""The overview: who may do what and why, to be asked and read in one place."""

import re
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import (
    Audience,
    Call,
    Operation,
    Parameter,
    Reply,
)
from insula.kernel.database.session import CONTEXT, Statement
from insula.kernel.foundation.errors import BadRequest, Denied, NotFound
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.engine import Engine
from insula.kernel.services.access.explaining import Case, explain, person
from insula.kernel.services.access.operations import common_roles, tenant_roles

PERMISSION = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+){1,3}", re.ASCII)
MOST_SCOPES = 50

ALL_TEAMS = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT t.id, t.name, t.roles, (SELECT count(*) FROM home__.team_members m
             WHERE m.tenant_id = t.tenant_id AND m.team_id = t.id
               AND m.deleted_at IS NULL) AS members
      FROM home__.teams t WHERE t.tenant_id = ctx.tenant_id AND t.deleted_at IS NULL
     ORDER BY t.name LIMIT 1000) r"""  # noqa: S608  # our names
)

USER = Parameter(
    "user",
    "The id of a user; oneself without it.",
    {"type": "string", "format": "uuid"},
)
ASKED = (
    USER,
    Parameter("permission", "Such as `maintenance.assets.update`."),
    Parameter("resource", "With `id`: which rows are meant, as `maintenance.assets`."),
    Parameter("id", "The row that it is about."),
    Parameter("scopes", "As if by a key that was given these, separated by commas."),
)


class BadQuestion(BadRequest):
    """The question is not understood: {reason}."""

    code = "INVALID_QUERY"


class Overview:
    """Answers about access; ``every`` are all operations that there are."""

    def __init__(
        self, engine: Engine, every: Callable[[], Sequence[Operation]]
    ) -> None:
        self._engine, self._every = engine, every

    async def explain(self, ctx: Context, call: Call) -> Reply:
        """Say rule by rule why a user may do something, or may not."""
        query = call.query
        permission = query.get("permission", "")
        if not PERMISSION.fullmatch(permission) or len(permission) > 120:
            raise BadQuestion(
                reason=Words("`permission` is such as maintenance.assets.read")
            )
        user = parse_uuid(query["user"]) if "user" in query else ctx.actor.id
        if user is None:
            raise BadQuestion(reason=Words("`user` is the id of a user"))
        scopes = query["scopes"].split(",") if "scopes" in query else None
        if scopes is not None and len(scopes) > MOST_SCOPES:
            raise BadQuestion(reason=Words("at most {most} scopes", most=MOST_SCOPES))
        api, row = await self._row(ctx, call, permission)
        whose = await person(ctx.session, self._engine.roles, user, scopes)
        case = Case(
            tenant=ctx.tenant,
            permission=permission,
            person=whose,
            operations=[it for it in self._ours() if it.permission == permission],
            api=api,
            row=row,
        )
        return Reply(msgspec.json.encode(await explain(case, ctx.session)))

    async def _row(
        self, ctx: Context, call: Call, permission: str
    ) -> tuple[ResourceApi | None, UUID | None]:
        """Which row it is about; only one that the asker may read themselves."""
        named = call.query.get("resource", permission.rpartition(".")[0])
        api = next((it for it in self._engine.apis if it.resource.name == named), None)
        if "id" not in call.query:
            return api, None
        if api is None:
            raise BadQuestion(reason=Words("no resource is of that name"))
        if ctx.actor.reach(f"{named}.read") is None:
            raise Denied
        row = parse_uuid(call.query["id"])
        if row is None:
            raise NotFound
        await api.get(ctx, Call(call.path, key=str(row)))
        return api, row

    def _ours(self) -> Sequence[Operation]:
        """What asks a tenant's actors for a permission."""
        return [
            it
            for it in self._every()
            if it.audience is Audience.tenant and it.permission is not None
        ]

    async def policies(self, ctx: Context, _: Call) -> Reply:
        """All that decides about access in this tenant."""
        session = ctx.session
        teams = [
            {**dict(row), "roles": msgspec.json.decode(row["roles"])}
            for row in await session.fetch(ALL_TEAMS)
        ]
        apps = ctx.tenant.apps
        found = {
            "security": ctx.tenant.policy,
            "roles": [
                *common_roles(self._engine, apps),
                *await tenant_roles(ctx),
            ],
            "teams": teams,
            "resources": [
                _rules(it)
                for it in self._engine.apis
                if not it.resource.app or apps.get(it.resource.app) == "active"
            ],
            "operations": [
                {
                    "name": it.name,
                    "permission": it.permission,
                    "step_up": it.step_up,
                    "feature": it.feature,
                }
                for it in self._ours()
                if it.app is None or apps.get(it.app) == "active"
            ],
        }
        return Reply(msgspec.json.encode(found))

    def operations(self) -> tuple[Operation, ...]:
        """Both questions; the answers are for those who may read roles."""
        return (
            Operation(
                name="access.explain",
                method="GET",
                path="/api/v1/access/explain",
                run=self.explain,
                summary="Explain why a user may do something, or may not",
                permission="roles.read",
                writes=False,
                parameters=ASKED,
                answer=_explanation,
                errors=(BadQuestion, NotFound),
            ),
            Operation(
                name="access.policies",
                method="GET",
                path="/api/v1/access/policies",
                run=self.policies,
                summary="Read everything that decides about access",
                permission="roles.read",
                writes=False,
                answer=_policies,
            ),
        )


def _rules(api: ResourceApi) -> dict[str, Any]:
    """What a resource declares about its rows and fields."""
    guarded = {
        it.name: {"read": it.field.read, "write": it.field.write}
        for it in api.shape.facets.values()
        if it.field.read or it.field.write
    }
    resource = api.resource
    return {
        "name": resource.name,
        "owner": resource.owner,
        "team": resource.team,
        "fields": guarded,
    }


def _explanation() -> dict[str, Any]:
    text = {"type": "string"}
    rule = {
        "type": "object",
        "required": ["rule", "verdict", "why"],
        "properties": {
            "rule": text,
            "verdict": {"enum": ["allows", "limits", "refuses"]},
            "why": text,
        },
    }
    properties = {
        "user": {**text, "format": "uuid"},
        "permission": text,
        "allowed": {"type": "boolean"},
        "rules": {"type": "array", "items": rule},
    }
    return {
        "title": "AccessExplanation",
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }


def _policies() -> dict[str, Any]:
    things = {"type": "array", "items": {"type": "object"}}
    parts = ("roles", "teams", "resources", "operations")
    return {
        "title": "AccessPolicies",
        "type": "object",
        "required": ["security", *parts],
        "properties": {"security": {"type": "object"}, **dict.fromkeys(parts, things)},
    }
