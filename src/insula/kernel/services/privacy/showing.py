"""Showing: a new row as the answer to whoever made it."""

from insula.kernel.access.operation import Reply
from insula.kernel.database.model import TenantRow
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.unit import values_of


def shown(api: ResourceApi, row: TenantRow) -> Reply:
    """The row as its resource shows it, and where it can be found again."""
    return Reply(
        api.writer.encode(values_of(row, api.writer)),
        status=201,
        etag='"1"',
        location=f"{api.resource.address}/{row.id}",
    )
