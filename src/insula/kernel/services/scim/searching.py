"""Searching: lists of users, of groups, and of both (RFC 7644, 3.4.2 and 3.4.3)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError
from scim2_models import Context as ScimContext
from scim2_models import InvalidFilterException, ListResponse, SearchRequest

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.session import Transaction
from insula.kernel.services.federation.signing_in import base_url
from insula.kernel.services.scim.answering import LONGEST_FILTER, body_of, page
from insula.kernel.services.scim.reading import (
    GROUP_COLUMNS,
    GROUPS,
    USER_COLUMNS,
    USERS,
    Span,
    groups_of,
    select,
    span_of,
    users_of,
)
from insula.kernel.services.scim.schemas import POLICY, Group, User

DEEPEST = 10
"""Brackets within brackets in a filter."""
Found = tuple[int, list[Any]]
Search = Callable[[Transaction, SearchRequest[Any], Span, str], Awaitable[Found]]


async def find_users(
    transaction: Transaction, asked: SearchRequest[Any], span: Span, base: str
) -> Found:
    """Some of the users that are asked for, and how many there are."""
    wanted = asked.filter
    found = await select(transaction, USERS, USER_COLUMNS, wanted, span)
    return found.total, await users_of(transaction, found.rows, base)


async def find_groups(
    transaction: Transaction, asked: SearchRequest[Any], span: Span, base: str
) -> Found:
    """Some of the groups that are asked for, and how many there are."""
    wanted = asked.filter
    found = await select(transaction, GROUPS, GROUP_COLUMNS, wanted, span)
    return found.total, await groups_of(transaction, found.rows, base)


async def find_both(
    transaction: Transaction, asked: SearchRequest[Any], span: Span, base: str
) -> Found:
    """Users, then groups, as if they were one list.

    What only one of them has finds none of the other.
    """
    text = None if asked.filter is None else str(asked.filter)
    of_users, of_groups = _bound(User, text), _bound(Group, text)
    if of_users is None and of_groups is None:
        raise InvalidFilterException(detail="neither users nor groups have this")
    total = 0
    found: list[Any] = []
    if of_users is not None:
        total, found = await find_users(transaction, of_users, span, base)
    if of_groups is not None:
        rest = Span(max(0, span.offset - total), span.limit - len(found))
        more, groups = await find_groups(transaction, of_groups, rest, base)
        total, found = total + more, [*found, *groups]
    return total, found


def _bound(
    model: type[User] | type[Group], text: str | None
) -> SearchRequest[Any] | None:
    """The filter as one kind of resource understands it, if it does."""
    try:
        return SearchRequest[model].model_validate({"filter": text}, scim_policy=POLICY)  # type: ignore[valid-type]  # known at run time alone
    except ValidationError:
        return None


KINDS: Mapping[Search, Any] = {
    find_users: ListResponse[User],
    find_groups: ListResponse[Group],
    find_both: ListResponse[User | Group],
}


async def list_users(ctx: Context, call: Call) -> Reply:
    """List users."""
    return await _listed(ctx, call, SearchRequest[User], find_users)


async def list_groups(ctx: Context, call: Call) -> Reply:
    """List groups."""
    return await _listed(ctx, call, SearchRequest[Group], find_groups)


async def search_users(ctx: Context, call: Call) -> Reply:
    """Search users, asked in the body."""
    return await _searched(ctx, call, SearchRequest[User], find_users)


async def search_groups(ctx: Context, call: Call) -> Reply:
    """Search groups, asked in the body."""
    return await _searched(ctx, call, SearchRequest[Group], find_groups)


async def search_both(ctx: Context, call: Call) -> Reply:
    """Search users and groups, asked in the body."""
    return await _searched(ctx, call, SearchRequest[User | Group], find_both)


async def _listed(
    ctx: Context, call: Call, kind: type[SearchRequest[Any]], search: Search
) -> Reply:
    _check(call.query)
    asked = kind.model_validate(dict(call.query), scim_policy=POLICY)
    context = ScimContext.RESOURCE_QUERY_RESPONSE
    return await _answered(ctx, call, asked, search, context)


async def _searched(
    ctx: Context, call: Call, kind: type[SearchRequest[Any]], search: Search
) -> Reply:
    sent = body_of(call)
    _check(sent)
    asked = kind.model_validate(
        sent, scim_ctx=ScimContext.SEARCH_REQUEST, scim_policy=POLICY
    )
    context = ScimContext.SEARCH_RESPONSE
    return await _answered(ctx, call, asked, search, context)


def _check(sent: Mapping[str, Any]) -> None:
    """Refuse a filter before it is read that would take long to read."""
    text = str(sent.get("filter", ""))
    if len(text) > LONGEST_FILTER or text.count("(") + text.count("[") > DEEPEST:
        raise InvalidFilterException(detail="the filter is too long")


async def _answered(
    ctx: Context,
    call: Call,
    asked: SearchRequest[Any],
    search: Search,
    context: ScimContext,
) -> Reply:
    span, base = span_of(asked), base_url(ctx, call)
    async with ctx.session.transaction() as transaction:
        total, found = await search(transaction, asked, span, base)
    answer = KINDS[search](
        total_results=total,
        start_index=span.offset + 1,
        items_per_page=len(found),
        resources=found,
    )
    return page(answer, asked, context)
