"""Writers: what writes the rows of every resource, and where commands across apps go."""

from collections.abc import Mapping
from typing import Any, Protocol

from insula.kernel.database.model import TenantRow
from insula.kernel.resource.custom.book import CustomBook, CustomColumns
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.writing import Writer


class Answering(Protocol):
    """Answers what one app asks of another."""

    common: dict[str, Any]

    async def ask(self, ctx: Any, name: str, body: Mapping[str, Any]) -> Any:
        """What comes of a command, ``people.find_duplicates``."""


class Writers(dict[type[TenantRow], Writer]):
    """By model what writes its rows; ``desk`` is where other apps are asked."""

    desk: Answering
    book: CustomBook | None = None
    """Who knows the fields that tenants added."""

    def columns_of(self, resource: Resource[Any]) -> CustomColumns | None:
        """The custom fields of a resource, where tenants may add some."""
        if not resource.custom or self.book is None:
            return None
        return CustomColumns(self.book, resource.name)
