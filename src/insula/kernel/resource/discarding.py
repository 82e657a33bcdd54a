"""Discarding: a row goes to the trash in the middle of other work."""

from typing import Any

from insula.kernel.database.model import TenantModel
from insula.kernel.foundation.errors import Stale
from insula.kernel.resource.unit import WorkContext
from insula.kernel.resource.writing import DELETE


async def discard(work: WorkContext, row: TenantModel, **blanked: Any) -> None:
    """Put a locked row in the trash at once, with other values in some fields."""
    writer = work._writer(type(row))
    changed = {**blanked, "deleted_at": work.now}
    statement, args = writer.change(row.id, row.version, changed, work, DELETE)
    found = await work.transaction.fetch(statement, *args)
    if not found or found[0]["id"] is None:
        raise Stale
