"""Filtering: rows of an app by a filter that somebody wrote and a row has kept."""

from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from insula.kernel.database.model import TenantRow
from insula.kernel.database.session import HOME, Statement
from insula.kernel.resource.querying.offer import Offer
from insula.kernel.resource.querying.selecting import Selection, Selector, select
from insula.kernel.resource.statements import Numbers, names
from insula.kernel.resource.unit import WorkContext, hydrate
from insula.kernel.resource.writing import Writer

M = TypeVar("M", bound=TenantRow)
FIRST = UUID(int=0)


@lru_cache(maxsize=256)
def _selector(writer: Writer) -> Selector:
    offer = Offer(writer.resource, writer.shape)
    return Selector(offer, writer.shape, writer.scoping)


def check_filter(ctx: WorkContext, model: type[TenantRow], text: str) -> Selection:
    """What a filter selects, of the rows that the actor sees; raises ``BadQuery``."""
    writer = ctx.writer(model)
    hidden = writer.masking.of(ctx.actor).hide
    selector = _selector(writer)
    scope = writer.scoping.of(ctx.actor, "read")
    query = {"filter": text} if text else {}
    return select(selector.without(hidden) if hidden else selector, ctx, query, scope)


async def count_filtered(ctx: WorkContext, model: type[TenantRow], text: str) -> int:
    """How many rows a filter selects now."""
    selection = check_filter(ctx, model, text)
    statement = Statement(
        f"SELECT count(*) FROM {HOME}.{model.__table__} c"  # noqa: S608  # our names
        f" WHERE c.tenant_id = $1::text::uuid{selection.sql(Numbers())}"
    )
    rows = await ctx.transaction.fetch(statement, *selection.args)
    return int(rows[0][0])


async def filtered(
    ctx: WorkContext, model: type[M], text: str, *, after: UUID = FIRST, limit: int
) -> list[M]:
    """The rows that a filter selects now, by their ids: those behind one of them."""
    selection, writer = check_filter(ctx, model, text), ctx.writer(model)
    numbers = Numbers()
    behind = selection.sql(numbers)
    statement = Statement(
        f"SELECT {names(writer.facets, 'c')} FROM {HOME}.{model.__table__} c"  # noqa: S608  # our names
        f" WHERE c.tenant_id = $1::text::uuid{behind}"
        f" AND c.id > {numbers.next('uuid')}"
        f" ORDER BY c.id LIMIT {numbers.next('bigint')}"
    )
    rows = await ctx.transaction.fetch(statement, *selection.args, after, limit)
    return [hydrate(model, writer, row) for row in rows]
