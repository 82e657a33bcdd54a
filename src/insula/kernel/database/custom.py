"""Custom fields: the columns in which rows keep the fields that their tenant added.

Values are read and written as one document, ``custom``. By a document no list can be
filtered behind a policy (D2b), so the few fields of a tenant that are filterable have a
slot each: a text that sorts as the field's values do, with an index of its own.
"""

from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

from insula.kernel.database.columns import FIELD, Field, Holds, Json, column

SLOTS = tuple(f"custom_{number}" for number in range(1, 9))
"""The columns of the slots: so many fields of one resource a tenant can filter by."""
LONGEST_KEY = 255
NO_VALUE = ""
"""What is in a slot of a row that has no value; NULL where no field has the slot."""


def _slot() -> Any:
    declared = Field(default=None, read_only=True, slot=True, holds=Holds.text)
    kind = String(LONGEST_KEY, collation="C")
    return mapped_column(
        kind, default=None, init=False, sort_order=16, info={FIELD: declared}
    )


class CustomFields(MappedAsDataclass, kw_only=True):
    """A mixin for rows to which tenants may add fields of their own.

    The resource says ``custom=True``. App code reads ``row.custom`` and replaces it as
    a whole; the kernel fills the slots.
    """

    custom: Mapped[Json] = column(default={}, merged=True, holds=Holds.text)
    custom_1: Mapped[str | None] = _slot()
    custom_2: Mapped[str | None] = _slot()
    custom_3: Mapped[str | None] = _slot()
    custom_4: Mapped[str | None] = _slot()
    custom_5: Mapped[str | None] = _slot()
    custom_6: Mapped[str | None] = _slot()
    custom_7: Mapped[str | None] = _slot()
    custom_8: Mapped[str | None] = _slot()
