"""Granting: nobody gives what they do not have, by whatever way it is given."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from insula.kernel.access.actor import Actor
from insula.kernel.access.grants import (
    GRANT,
    LONGEST_GRANT,
    WRITING,
    Mask,
    RoleGrants,
    holds,
    reach_of,
)
from insula.kernel.access.roles import OwnRole, RoleBook
from insula.kernel.database.session import CONTEXT, Session, Statement, Transaction
from insula.kernel.foundation.errors import Denied, FieldError, Invalid
from insula.kernel.foundation.words import Words

MOST_GRANTS = 200

OWN_ROLES = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT o.name, o.grants, o.masks FROM home__.roles o
     WHERE o.tenant_id = ctx.tenant_id AND o.deleted_at IS NULL
       AND o.name = ANY($2::varchar[])) r"""  # noqa: S608  # our names
)


class NotYoursToGive(Denied):
    """This would give {what}, which you do not have yourself."""

    code = "GRANT_NOT_HELD"


def check_spelling(grants: Iterable[Any], field: str = "grants") -> None:
    """Refuse what is no grant; raises ``Invalid``."""
    listed = list(grants)
    words = "A grant is such as crm.deals.read, crm.*.manage or own:crm.deals.update."
    wrong = any(
        not isinstance(it, str) or len(it) > LONGEST_GRANT or not GRANT.fullmatch(it)
        for it in listed
    )
    if wrong:
        raise Invalid(FieldError(field, "invalid_grant", words))
    if len(listed) > MOST_GRANTS:
        words = Words("At most {most} grants.", most=MOST_GRANTS)
        raise Invalid(FieldError(field, "too_many", words))


def check_grants(actor: Actor, grants: Iterable[str]) -> None:
    """Refuse grants that the actor has not; raises ``NotYoursToGive``."""
    for grant in grants:
        bound = actor.scopes is None or holds(actor.scopes, grant)
        if not (bound and holds(actor.grants, grant)):
            raise NotYoursToGive(what=Words("the permission {grant}", grant=grant))


def check_masks(actor: Actor, role: RoleGrants) -> None:
    """Refuse a role that shows or opens fields which are withheld from the actor.

    Raises ``NotYoursToGive``.
    """
    for name, withheld in actor.masks.items():
        left = role.masks.get(name, Mask())
        reads = _gives(role, name, ("read",)) and not withheld.hide <= left.hide
        writes = _gives(role, name, WRITING) and not withheld.freeze <= left.freeze
        if reads or writes:
            raise NotYoursToGive(what=Words("fields of {name}", name=name))


def _gives(role: RoleGrants, name: str, verbs: Iterable[str]) -> bool:
    wanted = [f"{name}.{verb}" for verb in verbs]
    return any(reach_of(role.grants, it) is not None for it in wanted)


async def check_roles(
    where: Session | Transaction,
    book: RoleBook,
    actor: Actor,
    names: Iterable[str],
    field: str = "roles",
) -> None:
    """Refuse roles that give more than the actor has, or that nobody knows.

    Whoever gives roles to users, teams, invitations or directories asks here. Raises
    ``NotYoursToGive`` or ``Invalid``.
    """
    wanted = set(names)
    known = await own_roles(where, (it for it in wanted if it not in book))
    unknown = sorted(it for it in wanted if it not in book and it not in known)
    if unknown:
        words = Words("There is no role {name}.", name=unknown[0][:80])
        raise Invalid(FieldError(field, "unknown_role", words))
    for name in sorted(wanted):
        role = known.get(name) or RoleGrants(book.of(name))
        check_grants(actor, role.grants)
        check_masks(actor, role)


async def own_roles(
    where: Session | Transaction, names: Iterable[str]
) -> Mapping[str, RoleGrants]:
    """The tenant's own roles of these names."""
    listed = sorted(names)
    rows = await where.fetch(OWN_ROLES, listed) if listed else ()
    return {
        row["name"]: OwnRole(
            row["name"],
            msgspec.json.decode(row["grants"], type=list[str]),
            msgspec.json.decode(row["masks"]),
        ).given()
        for row in rows
    }
