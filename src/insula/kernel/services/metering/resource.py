"""Request rates as their tenant reads them, and for how long they are kept."""

from datetime import timedelta

from insula.kernel.database.session import Statement
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.metering.models import RequestRate

KEPT = timedelta(days=90)

PRUNE = Statement(
    """DELETE FROM home__.request_rates
 WHERE tenant_id = $1::text::uuid AND hour < $2::timestamptz"""
)

request_rates = Resource(
    RequestRate,
    kernel=True,
    filters=(RequestRate.hour,),
    sort=(RequestRate.hour,),
)


async def prune(ctx: WorkContext) -> None:
    """Forget the hours whose time is over."""
    await ctx.transaction.fetch(PRUNE, ctx.now - KEPT)
