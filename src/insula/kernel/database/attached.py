"""What is attached to rows of any resource: their tags, comments, own fields."""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import Mapped, MappedAsDataclass

from insula.kernel.database.columns import Code, Holds, column

ATTACHED = "attached"
"""The key under which a table's ``info`` says that its rows are attached to others."""


class Attached(MappedAsDataclass, kw_only=True):
    """A mixin for rows that belong to a row of any resource.

    ``resource`` is the name of that resource, ``people.contacts``, and ``row_id`` its
    row's id. No foreign key holds them together: whoever purges, merges, exports or
    erases rows does it to what is attached to them as well (``attached_tables``). The
    table's ``info`` has ``{ATTACHED: True}``, and an index or a unique rule that
    begins with both.
    """

    resource: Mapped[Code] = column(holds=Holds.nothing, immutable=True)
    row_id: Mapped[UUID] = column(immutable=True)


def attached_tables(metadata: MetaData) -> Iterator[Table]:
    """Every table whose rows are attached to rows of resources."""
    return (it for it in metadata.sorted_tables if it.info.get(ATTACHED))
