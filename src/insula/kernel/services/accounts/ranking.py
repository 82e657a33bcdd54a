"""Ranking: nobody touches whoever may do more, and an owner is always left."""

from collections.abc import Iterable
from uuid import UUID

from insula.kernel.access.actor import Actor
from insula.kernel.access.roles import ALIASES
from insula.kernel.database.session import Transaction
from insula.kernel.foundation.errors import Conflict, Denied
from insula.kernel.services.access.granting import NotYoursToGive, check_grants
from insula.kernel.services.accounts.statements import HOLD_OWNERS

OWNERS = frozenset({"owner", *(it for it, role in ALIASES.items() if role == "owner")})
"""What the role of an owner is called, here and in what we replace."""


class LastOwner(Conflict):
    """The organisation needs an owner who can sign in: make another one first."""

    code = "LAST_OWNER"


class Outranked(Denied):
    """They may do more than you, so you may not change them."""

    code = "OUTRANKED"


def check_rank(actor: Actor, target: UUID, grants: Iterable[str]) -> None:
    """Refuse to touch somebody with these grants, unless the actor has them all.

    Otherwise whoever may change users could take over whoever may do everything.
    """
    if actor.id == target and actor.via is None:
        return
    try:
        check_grants(actor, grants)
    except NotYoursToGive:
        raise Outranked from None


async def hold_owners(transaction: Transaction, user_id: UUID) -> bool:
    """Lock a user and all owners; whether this one is the last who can sign in."""
    rows = await transaction.fetch(HOLD_OWNERS, user_id, sorted(OWNERS))
    return {row["id"] for row in rows if row["owns"]} == {user_id}
