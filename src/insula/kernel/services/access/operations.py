"""The operations of access: roles, teams, and who is in them."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.access.roles import ALIASES
from insula.kernel.database.session import CONTEXT, Statement
from insula.kernel.foundation.errors import NotFound
from insula.kernel.resource.api import row_id
from insula.kernel.resource.deriving import withheld
from insula.kernel.resource.engine import Engine
from insula.kernel.services.access.granting import NotYoursToGive
from insula.kernel.services.access.guards import Guards, RoleInUse
from insula.kernel.services.access.models import Grants, TeamRole

REF = "#/components/schemas/{name}"
Announce = Callable[[str], None]
Guard = Callable[[Context, str, Call], Awaitable[None]]

ALL_ROLES = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT o.id, o.version, o.name, o.title, o.grants, o.masks FROM home__.roles o
     WHERE o.tenant_id = ctx.tenant_id AND o.deleted_at IS NULL ORDER BY o.name) r"""  # noqa: S608  # our names
)
MEMBERS = Statement(
    f"""WITH {CONTEXT} SELECT t.id AS team_id, m.* FROM ctx
  JOIN LATERAL (SELECT t.id FROM home__.teams t WHERE t.tenant_id = ctx.tenant_id
                   AND t.id = $2::uuid AND t.deleted_at IS NULL LIMIT 1) t ON true
  LEFT JOIN LATERAL (
    SELECT m.id, m.version, m.user_id, u.name, m.role, m.grants, m.created_at
      FROM home__.team_members m JOIN home__.users u
        ON u.tenant_id = m.tenant_id AND u.id = m.user_id
     WHERE m.tenant_id = ctx.tenant_id AND u.tenant_id = ctx.tenant_id
       AND m.team_id = t.id AND m.deleted_at IS NULL AND u.deleted_at IS NULL
     ORDER BY m.id LIMIT 1000) m ON true"""  # noqa: S608  # our names
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleView:
    """A role, whoever declared it."""

    name: str
    title: str
    kind: str
    grants: list[str]
    app: str | None = None
    masks: Mapping[str, Any] | None = None
    id: UUID | None = None
    version: int | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """Somebody in a team; ``id`` is that of the place, not of the person."""

    id: UUID
    version: int
    team_id: UUID
    user_id: UUID
    name: str
    role: TeamRole
    grants: list[str]
    created_at: datetime


class NewMember(BaseModel):
    """Who comes into a team, and what is theirs there beyond the team's roles."""

    model_config = ConfigDict(extra="forbid", strict=True)

    user_id: UUID
    role: TeamRole = TeamRole.member
    grants: Grants = Field(default_factory=list)


class AccessOperations:
    """What can be done to roles and teams; every change is told at once."""

    def __init__(self, engine: Engine, announce: Announce) -> None:
        self._engine, self._announce = engine, announce
        self._guards = Guards(engine)

    def operations(self) -> tuple[Operation, ...]:
        """All of them."""
        guards = self._guards
        return (
            self._list_roles(),
            *self._written("roles", guards.role),
            *self._written("teams", guards.team),
            *self._members(),
        )

    def _written(self, name: str, guard: Guard) -> Iterator[Operation]:
        """The writes of a resource, behind a guard."""
        for operation in withheld(self._engine.api(name)):
            verb = operation.name.rpartition(".")[2]
            if verb not in ("list", "read"):
                yield self._guarded(operation, verb, guard)

    def _guarded(self, operation: Operation, verb: str, guard: Guard) -> Operation:
        kind = "update" if verb == "replace" else verb

        async def run(ctx: Context, call: Call) -> Reply:
            await guard(ctx, kind, call)
            reply = await operation.run(ctx, call)
            self._announce(f"tenant:{ctx.tenant.id}")
            return reply

        errors = *operation.errors, NotYoursToGive
        if operation.name == "roles.delete":
            errors = *errors, RoleInUse
        return replace(operation, run=run, errors=errors)

    def _list_roles(self) -> Operation:
        return Operation(
            name="roles.list",
            method="GET",
            path="/api/v1/roles",
            run=self.list_roles,
            summary="List every role with what it grants",
            permission="roles.read",
            writes=False,
            answer=lambda: _schema(list[RoleView]),
        )

    async def list_roles(self, ctx: Context, _: Call) -> Reply:
        """The platform's roles, those of the tenant's apps, and its own."""
        found = [
            *common_roles(self._engine, ctx.tenant.apps),
            *await tenant_roles(ctx),
        ]
        return Reply(msgspec.json.encode(found))

    def _members(self) -> Iterator[Operation]:
        """Who is in a team; the permissions are those of teams."""
        for operation in withheld(self._engine.api("team_members")):
            verb = operation.name.rpartition(".")[2]
            kept = replace(
                operation,
                scoped=False,
                permission="teams.read" if not operation.writes else "teams.manage",
            )
            reads = verb in ("list", "read")
            yield kept if reads else self._guarded(kept, verb, self._guards.member)
        yield Operation(
            name="teams.members",
            method="GET",
            path="/api/v1/teams/{id}/members",
            run=self.list_members,
            summary="List who is in a team",
            permission="teams.read",
            writes=False,
            answer=lambda: _schema(list[MemberView]),
            errors=(NotFound,),
        )
        yield Operation(
            name="teams.add_member",
            method="POST",
            path="/api/v1/teams/{id}/members",
            run=self.add_member,
            summary="Bring somebody into a team",
            permission="teams.manage",
            body=NewMember,
            status=201,
            answer=self._engine.api("team_members").row_schema,
            errors=(NotFound, NotYoursToGive),
        )

    async def list_members(self, ctx: Context, call: Call) -> Reply:
        """Who is in a team; no more than a thousand."""
        rows = await ctx.session.fetch(MEMBERS, row_id(call))
        if not rows:
            raise NotFound
        found = [
            MemberView(**{**dict(row), "grants": msgspec.json.decode(row["grants"])})
            for row in rows
            if row["id"] is not None
        ]
        return Reply(msgspec.json.encode(found))

    async def add_member(self, ctx: Context, call: Call) -> Reply:
        """Bring somebody into a team."""
        team_id, api = row_id(call), self._engine.api("team_members")
        if not await ctx.session.fetch(MEMBERS, team_id):
            raise NotFound
        body = api.create_body(team_id=team_id, **call.body.__dict__)
        asked = Call("/api/v1/team-members", body=body, headers=call.headers)
        await self._guards.member(ctx, "create", asked)
        reply = await api.create(ctx, asked)
        self._announce(f"tenant:{ctx.tenant.id}")
        return reply


def common_roles(engine: Engine, apps: Mapping[str, str]) -> list[RoleView]:
    """The roles that every tenant has with these apps."""
    found = []
    for name, grants in engine.roles.common.items():
        app = name.partition(".")[0] if "." in name else None
        if app is not None and not _has(engine, apps, app):
            continue
        title = name.rpartition(".")[2].replace("_", " ").capitalize()
        also = tuple(it for it, real in ALIASES.items() if real == name)
        kind = "system" if app is None else "app"
        view = RoleView(
            name=name, title=title, kind=kind, grants=[*grants], app=app, also=also
        )
        found.append(view)
    return found


def _has(engine: Engine, apps: Mapping[str, str], app: str) -> bool:
    known = engine.apps.get(app)
    return apps.get(app) == "active" or (known is not None and known.always)


async def tenant_roles(ctx: Context) -> list[RoleView]:
    """The roles that the tenant made for itself."""
    return [
        RoleView(
            kind="custom",
            name=row["name"],
            title=row["title"],
            grants=msgspec.json.decode(row["grants"], type=list[str]),
            masks=msgspec.json.decode(row["masks"]),
            id=row["id"],
            version=row["version"],
        )
        for row in await ctx.session.fetch(ALL_ROLES)
    ]


def _schema(kind: Any) -> Mapping[str, Any]:
    (made,), parts = msgspec.json.schema_components([kind], ref_template=REF)
    return {**made, "$defs": parts}
