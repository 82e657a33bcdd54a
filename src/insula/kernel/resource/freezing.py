"""Freezing: why a row that is there was not changed, told after PostgreSQL refused."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from insula.kernel.database.session import Session, Transaction
from insula.kernel.foundation.errors import Conflict, FieldError
from insula.kernel.foundation.words import Words
from insula.kernel.resource.writing import Writer


class Frozen(Conflict):
    """It is {present}: some of these fields cannot be changed any more."""

    code = "FROZEN"
    told = ("present",)


async def frozen(
    where: Session | Transaction,
    writer: Writer,
    row_id: UUID,
    changed: Mapping[str, Any],
) -> Frozen | None:
    """The refusal to change fields that the row's state has frozen, if that is why.

    The UPDATE itself looked at the state of the locked row; this reads it once more,
    only to say so in words.
    """
    watched = {it: rule for it, rule in writer.shape.frozen.items() if it in changed}
    rows = await where.fetch(writer.get, row_id) if watched else ()
    if not rows:
        return None
    row, facets = rows[0], writer.shape.facets
    wrong = [
        FieldError(name, "frozen", Words("The {field} field is frozen.", field=name))
        for name, (machine, _) in watched.items()
        if row[machine] in facets[name].field.frozen_in
        and facets[name].loaded(row[name]) != changed[name]
    ]
    if not wrong:
        return None
    machine, _ = writer.shape.frozen[wrong[0].field]
    return Frozen(*wrong, present=row[machine])
