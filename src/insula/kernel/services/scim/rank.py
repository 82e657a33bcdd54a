"""Rank: whom a directory may change, by the roles that its token was given."""

from uuid import UUID

from scim2_models import ForbiddenException

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.roles import RoleBook
from insula.kernel.database.session import Session, Transaction
from insula.kernel.foundation.errors import Denied
from insula.kernel.identity.sessions import Account
from insula.kernel.services.access.granting import check_roles, own_roles
from insula.kernel.services.accounts.ranking import check_rank


async def giver(where: Session | Transaction, ctx: Context, book: RoleBook) -> Actor:
    """The directory with the rights that its token's roles give.

    For comparing alone: the directory itself has none of them.
    """
    names = ctx.actor.roles
    own = await own_roles(where, (it for it in names if it not in book))
    grants = book.grants(names) | {it for role in own.values() for it in role.grants}
    return Actor(ctx.actor.kind, ctx.actor.id, grants=grants, via=ctx.actor.via)


async def check_person(ctx: Context, book: RoleBook, account: Account) -> None:
    """Refuse to change somebody who may do more; raises ``ForbiddenException``."""
    rank = await giver(ctx.session, ctx, book)
    try:
        check_rank(rank, account.id, account.grants)
    except Denied:
        detail = "this person may do more than the token allows to change"
        raise ForbiddenException(detail=detail) from None


async def check_team(
    transaction: Transaction, ctx: Context, book: RoleBook, roles: list[str]
) -> None:
    """Refuse to change who is in a team that gives more; ``ForbiddenException``."""
    rank = await giver(transaction, ctx, book)
    try:
        await check_roles(transaction, book, rank, roles)
    except Denied:
        detail = "this group gives more than the token allows to give"
        raise ForbiddenException(detail=detail) from None


async def allowed_roles(
    transaction: Transaction, ctx: Context, book: RoleBook
) -> list[str]:
    """The roles that new people get: those of the policy that the token may give."""
    rank, found = await giver(transaction, ctx, book), []
    for role in ctx.tenant.policy.registration_roles:
        try:
            await check_roles(transaction, book, rank, [role])
        except Denied:
            continue
        found.append(role)
    return found


def named(user_id: str | None) -> UUID | None:
    """The id in a member's value, if it is one."""
    try:
        return UUID(user_id or "")
    except ValueError:
        return None
