"""Teams: groups as a directory makes, fills and removes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from scim2_models import Context as ScimContext
from scim2_models import InvalidValueException, PatchOp, UniquenessException

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.access.models import Team, TeamMember
from insula.kernel.services.federation.signing_in import base_url
from insula.kernel.services.scim.answering import (
    body_of,
    check_version,
    nothing,
    shown,
)
from insula.kernel.services.scim.models import ScimGroup
from insula.kernel.services.scim.rank import check_team, named
from insula.kernel.services.scim.reading import MEMBERS, group_row, groups_of, key_of
from insula.kernel.services.scim.schemas import POLICY, Group, Member

LONGEST = 255
MOST_MEMBERS = 10_000

LIVING = Statement(
    """SELECT id FROM home__.users
 WHERE tenant_id = $1::text::uuid AND id = ANY($2::uuid[]) AND deleted_at IS NULL"""
)


class Held(NamedTuple):
    """A locked team, as we and as the directory see it."""

    work: WorkContext
    team: Team
    group: Group


@dataclass(frozen=True, slots=True)
class Teams:
    """What a directory does with groups."""

    engine: Engine
    identity: Identity

    async def get(self, ctx: Context, call: Call) -> Reply:
        """Read one group."""
        async with ctx.session.transaction() as transaction:
            row = await group_row(transaction, key_of(call))
            (group,) = await groups_of(transaction, [row], base_url(ctx, call))
        return shown(group, call, context=ScimContext.RESOURCE_QUERY_RESPONSE)

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Make a group."""
        sent = Group.model_validate(
            body_of(call),
            scim_ctx=ScimContext.RESOURCE_CREATION_REQUEST,
            scim_policy=POLICY,
        )
        async with self.engine.work(ctx) as work:
            team = Team(name=_name(sent))
            if not await work.add_missing([team]):
                raise UniquenessException(detail="there is a group of this name")
            group, moved = await self._change(work, call, team.id, sent)
        self._tell(moved)
        context = ScimContext.RESOURCE_CREATION_RESPONSE
        return shown(group, call, status=201, context=context)

    async def replace(self, ctx: Context, call: Call) -> Reply:
        """Replace a group's name and members."""
        sent = Group.model_validate(
            body_of(call),
            scim_ctx=ScimContext.RESOURCE_REPLACEMENT_REQUEST,
            scim_policy=POLICY,
        )
        async with self._held(ctx, call) as held:
            sent.replace(held.group)
            held.team.name = _name(sent)
            group, moved = await self._change(held.work, call, held.team.id, sent)
        self._tell(moved)
        context = ScimContext.RESOURCE_REPLACEMENT_RESPONSE
        return shown(group, call, context=context)

    async def patch(self, ctx: Context, call: Call) -> Reply:
        """Change a group's name, or who is in it."""
        asked = PatchOp[Group].model_validate(
            body_of(call),
            scim_ctx=ScimContext.RESOURCE_PATCH_REQUEST,
            scim_policy=POLICY,
        )
        moved: set[UUID] = set()
        async with self._held(ctx, call) as held:
            group = held.group
            if asked.patch(group, scim_policy=POLICY):
                held.team.name = _name(group)
                group, moved = await self._change(held.work, call, held.team.id, group)
        self._tell(moved)
        return shown(group, call, context=ScimContext.RESOURCE_PATCH_RESPONSE)

    async def delete(self, ctx: Context, call: Call) -> Reply:
        """Remove a group; its people stay, without its roles."""
        async with self._held(ctx, call) as held:
            work, team_id = held.work, held.team.id
            moved = await self._move(work, team_id, set())
            for words in await work.select(ScimGroup, ScimGroup.team_id == team_id):
                words.deleted_at = now()
            held.team.deleted_at = now()
        self._tell(moved)
        return nothing()

    @asynccontextmanager
    async def _held(self, ctx: Context, call: Call) -> AsyncIterator[Held]:
        """A locked team whose members the token may change."""
        key = key_of(call)
        async with self.engine.work(ctx) as work:
            row = await group_row(work.transaction, key)
            team = await work.lock(Team, key)
            await check_team(work.transaction, work, self.engine.roles, team.roles)
            (group,) = await groups_of(work.transaction, [row], base_url(ctx, call))
            check_version(call, group)
            yield Held(work, team, group)

    async def _change(
        self, work: WorkContext, call: Call, team_id: UUID, group: Group
    ) -> tuple[Group, set[UUID]]:
        """Have our tables say what the directory does; and whose rights that changes."""
        await self._describe(work, team_id, group.external_id)
        moved = await self._move(work, team_id, _members(group.members or []))
        await work.flush()
        row = await group_row(work.transaction, team_id)
        (found,) = await groups_of(work.transaction, [row], base_url(work, call))
        return found, moved

    async def _describe(
        self, work: WorkContext, team_id: UUID, external_id: str | None
    ) -> None:
        if external_id is not None and len(external_id) > LONGEST:
            raise InvalidValueException(detail="externalId is too long")
        found = await work.select(ScimGroup, ScimGroup.team_id == team_id)
        if found:
            found[0].external_id = external_id
        elif external_id is not None:
            await work.add(ScimGroup(team_id=team_id, external_id=external_id))

    async def _move(
        self, work: WorkContext, team_id: UUID, wanted: set[UUID]
    ) -> set[UUID]:
        """Bring people in and send others away; all of them."""
        rows = await work.transaction.fetch(MEMBERS, [team_id])
        present = {row["user_id"] for row in rows}
        coming, going = wanted - present, present - wanted
        living = await work.transaction.fetch(LIVING, sorted(coming))
        if len(living) != len(coming):
            raise InvalidValueException(detail="members holds somebody who is not here")
        if coming:
            new = [TeamMember(team_id=team_id, user_id=it) for it in sorted(coming)]
            await work.add_missing(new)
        if going:
            gone = TeamMember.user_id.in_(sorted(going))
            theirs = TeamMember.team_id == team_id
            async for member in work.each(TeamMember, theirs, gone):
                member.deleted_at = now()
        return coming | going

    def _tell(self, moved: set[UUID]) -> None:
        """Have every process learn what they may do now."""
        for user_id in moved:
            self.identity.left(user_id)


def _name(group: Group) -> str:
    name = (group.display_name or "").strip()
    if not 0 < len(name) <= LONGEST:
        raise InvalidValueException(detail="displayName must have 1 to 255 characters")
    return name


def _members(members: list[Member]) -> set[UUID]:
    if len(members) > MOST_MEMBERS:
        raise InvalidValueException(detail=f"more than {MOST_MEMBERS} members")
    found = {named(it.value) for it in members}
    if None in found:
        raise InvalidValueException(detail="members holds what is no user")
    return {it for it in found if it is not None}
