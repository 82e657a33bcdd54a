"""Errors of rows: kept so that they can be told in anybody's language later."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from insula.kernel.foundation.languages import Catalog, told
from insula.kernel.foundation.words import Words
from insula.kernel.resource.imports.rows import RowError

Kept = Mapping[str, Any]


def kept(errors: Iterable[RowError]) -> list[Kept]:
    """Errors as they are stored: the sentences apart from their values."""
    return [
        {"field": it.field, "code": it.code, **_sentence(it.message)} for it in errors
    ]


def _sentence(message: str) -> Kept:
    if not isinstance(message, Words):
        return {"message": message}
    values = {name: _plain(value) for name, value in message.values.items()}
    return {"message": str(message), "says": message.template, "values": values}


def _plain(value: object) -> object:
    return value if isinstance(value, int | float) else str(value)


def as_told(errors: Sequence[Kept], catalog: Catalog | None) -> list[Kept]:
    """The errors of one row as a caller is told of them."""
    return [
        {
            "field": it["field"],
            "code": it["code"],
            "message": told(_words(it), catalog),
        }
        for it in errors
    ]


def _words(error: Kept) -> str:
    if "says" not in error:
        return str(error["message"])
    return Words(error["says"], **error["values"])
