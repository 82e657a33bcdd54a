"""Cells of custom fields: what the texts of a file's row stand for."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.resource.custom.fields import CUSTOM, AddedFields
from insula.kernel.resource.custom.kinds import CustomKind
from insula.kernel.resource.imports.texts import Misfit

CASTS = {
    CustomKind.integer: "bigint",
    CustomKind.decimal: "double precision",
    CustomKind.date: "date",
    CustomKind.datetime: "timestamptz",
}
Plain = Callable[[str, str], str]
"""A text of a kind of column as programs write it; raises ``Misfit``."""


def columns_of(
    added: AddedFields, body: BaseModel, read: Plain, *, patch: bool
) -> dict[str, Any]:
    """What is written of the custom fields of a file's row; raises ``Invalid``."""
    if patch and CUSTOM not in body.model_fields_set:
        return {}
    said = _texts(added, body.__dict__[CUSTOM] or {}, read)
    return added.changed(said) if patch else added.new(said)


def _texts(added: AddedFields, cells: Mapping[str, Any], read: Plain) -> dict[str, Any]:
    faults: list[FieldError] = []
    found: dict[str, Any] = {}
    for key, text in cells.items():
        field, found[key] = added.active.get(key), text
        if field is None or not isinstance(text, str):
            continue
        try:
            cast = CASTS.get(field.kind)
            found[key] = field.read_text(text if cast is None else read(cast, text))
        except Misfit as fault:
            faults.append(FieldError(field.name, fault.code, fault.message))
        except Invalid as problem:
            faults += problem.fields
    if faults:
        raise Invalid(*faults)
    return found
