"""Upkeep: what has lain in the trash for long leaves it, and old runs are forgotten."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from insula.kernel.database.session import HOME, Statement
from insula.kernel.foundation.errors import Conflict
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.bulk.deeds import PURGE, offers_bulk
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.bulk.models import BulkRun, BulkSource
from insula.kernel.services.bulk.runs import WORK, CarryOn
from insula.kernel.services.privacy.holds import is_held

TRASH = {"deleted": "only"}
"""The query of a list of the trash."""
KEPT_TRASH = timedelta(days=90)
"""How long a row can be restored; what others still refer to stays longer."""
EVERYBODY = UUID(int=0)
"""Whom a legal hold means that names nobody."""


class TrashHeld(Conflict):
    """A legal hold forbids to delete anything for good at present."""

    code = "TRASH_HELD"


async def refuse_held(ctx: WorkContext) -> None:
    """Refuse to delete for good what a legal hold keeps; raises ``TrashHeld``."""
    if await is_held(ctx, EVERYBODY):
        raise TrashHeld


def purged(api: ResourceApi) -> bool:
    """Whether rows of a resource leave the trash: those that callers throw away."""
    return offers_bulk(api) and "delete" not in api.resource.without


class Sweeper:
    """Asks every night for what the owners of the rows could ask for themselves."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    async def sweep(self, ctx: WorkContext) -> None:
        """A run for each resource with rows whose time in the trash is over."""
        if await is_held(ctx, EVERYBODY):
            return
        before = ctx.now - KEPT_TRASH
        for api in self._engine().apis:
            if not purged(api) or ctx.tenant.apps.get(api.resource.app) != "active":
                continue
            if not await ctx.transaction.fetch(_old(api.resource.table.name), before):
                continue
            run = BulkRun(
                resource=api.resource.name,
                verb=PURGE,
                source=BulkSource.selected,
                command={"query": TRASH, "before": before.isoformat()},
            )
            await ctx.add(run)
            key = f"sweep:{api.resource.name}"
            ctx.enqueue(WORK, CarryOn(run_id=run.id), system=True, unique=key)


def _old(table: str) -> Statement:
    return Statement(
        f"SELECT 1 FROM {HOME}.{table} WHERE tenant_id = $1::text::uuid"  # noqa: S608  # our names
        " AND deleted_at < $2::timestamptz LIMIT 1"
    )
