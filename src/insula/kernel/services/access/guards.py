"""Guards: what is looked at before a role, a team or a membership is written."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.grants import RoleGrants
from insula.kernel.access.operation import Call
from insula.kernel.access.roles import NAME, RoleBook, masks_of
from insula.kernel.database.session import CONTEXT, Statement
from insula.kernel.foundation.errors import (
    Conflict,
    FieldError,
    Invalid,
    NotFound,
    refers_to_nothing,
)
from insula.kernel.resource.api import row_id
from insula.kernel.resource.engine import Engine
from insula.kernel.services.access.granting import (
    check_grants,
    check_masks,
    check_roles,
    check_spelling,
)

UNMASKED = frozenset({"id", "type", "version"})
"""Without these no client could work with a row."""

ROLE = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT o.name, o.grants, o.masks,
           EXISTS (SELECT FROM home__.users u WHERE u.tenant_id = ctx.tenant_id
                      AND u.roles ? o.name AND u.deleted_at IS NULL)
        OR EXISTS (SELECT FROM home__.teams t WHERE t.tenant_id = ctx.tenant_id
                      AND t.roles ? o.name AND t.deleted_at IS NULL) AS in_use
      FROM home__.roles o
     WHERE o.tenant_id = ctx.tenant_id AND o.id = $2::uuid LIMIT 1) r"""  # noqa: S608  # our names
)
TEAM = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT t.roles, t.deleted_at FROM home__.teams t
     WHERE t.tenant_id = ctx.tenant_id AND t.id = $2::uuid LIMIT 1) r"""  # noqa: S608  # our names
)
MEMBER = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT m.team_id, m.grants FROM home__.team_members m
     WHERE m.tenant_id = ctx.tenant_id AND m.id = $2::uuid LIMIT 1) r"""  # noqa: S608  # our names
)


class RoleInUse(Conflict):
    """Users or teams have this role: take it from them first."""

    code = "ROLE_IN_USE"


class Guards:
    """Refuses what would give more than its giver has, or mean nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def _book(self) -> RoleBook:
        return self._engine.roles

    async def role(self, ctx: Context, verb: str, call: Call) -> None:
        """Before a role is made, changed, deleted or brought back."""
        sent = _sent(call)
        known = {} if verb == "create" else await _row(ctx, ROLE, call)
        if verb == "delete":
            if known["in_use"]:
                raise RoleInUse
            return
        self._check_name(sent)
        whole = {"grants": [], "masks": {}, **known, **sent}
        self._check_masks(whole["masks"])
        check_spelling(whole["grants"])
        had = [] if verb in ("create", "restore") else known["grants"]
        check_grants(ctx.actor, set(whole["grants"]) - set(had))
        masks = masks_of(whole["masks"])
        check_masks(ctx.actor, RoleGrants(tuple(whole["grants"]), masks))

    def _check_name(self, sent: Mapping[str, Any]) -> None:
        name = sent.get("name")
        if name is None:
            return
        if not NAME.fullmatch(name):
            words = "A role's name is of small letters, digits and underscores."
            raise Invalid(FieldError("name", "invalid_name", words))
        if name in self._book:
            words = "Every tenant has a role of this name already."
            raise Invalid(FieldError("name", "taken", words))

    def _check_masks(self, masks: Mapping[str, Any]) -> None:
        for name, mask in masks.items():
            if not _is_mask(mask):
                raise _misfit(f'{name} wants {{"hide": [...], "freeze": [...]}}.')
            fields = {it for part in mask.values() for it in part}
            unknown = sorted(fields - self._maskable(name))
            if unknown:
                raise _misfit(f"{name} has no field {unknown[0][:80]} to withhold.")

    def _maskable(self, name: str) -> frozenset[str]:
        api = next((it for it in self._engine.apis if it.resource.name == name), None)
        if api is None or not api.resource.app:
            raise _misfit(f"No app has a resource {name[:80]}.")
        return frozenset(it.name for it in api.shape.readable) - UNMASKED

    async def team(self, ctx: Context, verb: str, call: Call) -> None:
        """Before a team is made, changed, deleted or brought back."""
        if verb == "delete":
            return
        known = {"roles": []} if verb == "create" else await _row(ctx, TEAM, call)
        had = [] if verb == "restore" else known["roles"]
        given = set(_sent(call).get("roles", known["roles"])) - set(had)
        await check_roles(ctx.session, self._book, ctx.actor, given)

    async def member(self, ctx: Context, verb: str, call: Call) -> None:
        """Before somebody comes into a team, or has other grants there."""
        if verb == "delete":
            return
        sent = _sent(call)
        check_spelling(sent.get("grants", ()))
        known = {"grants": []} if verb == "create" else await _row(ctx, MEMBER, call)
        had = [] if verb == "restore" else known["grants"]
        given = set(sent.get("grants", known["grants"])) - set(had)
        check_grants(ctx.actor, given)
        if verb != "update":
            await self.joining(ctx, sent.get("team_id") or known["team_id"])

    async def joining(self, ctx: Context, team_id: UUID) -> None:
        """Refuse to bring somebody into a team whose roles are not one's own to give."""
        rows = await ctx.session.fetch(TEAM, team_id)
        if not rows or rows[0]["deleted_at"] is not None:
            raise Invalid(refers_to_nothing("team_id"))
        roles = msgspec.json.decode(rows[0]["roles"], type=list[str])
        await check_roles(ctx.session, self._book, ctx.actor, roles)


def _sent(call: Call) -> dict[str, Any]:
    """What the caller says, defaults left out."""
    body = call.body
    return (
        {} if body is None else {it: getattr(body, it) for it in body.model_fields_set}
    )


async def _row(ctx: Context, statement: Statement, call: Call) -> dict[str, Any]:
    rows = await ctx.session.fetch(statement, row_id(call))
    if not rows:
        raise NotFound
    found = dict(rows[0])
    for name in ("grants", "masks", "roles"):
        if name in found:
            found[name] = msgspec.json.decode(found[name])
    return found


def _is_mask(mask: object) -> bool:
    return isinstance(mask, dict) and all(
        part in ("hide", "freeze") and _is_list_of_texts(it)
        for part, it in mask.items()
    )


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(it, str) for it in value)


def _misfit(words: str) -> Invalid:
    return Invalid(FieldError("masks", "invalid_mask", words))
