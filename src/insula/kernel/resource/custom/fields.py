"""Fields: those that a tenant added to one resource, and what they make of values."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec
from pydantic import ValidationError

from insula.kernel.database.custom import NO_VALUE
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.custom.kinds import (
    CHOSEN,
    CustomKind,
    key_of,
    read_text,
    read_value,
)
from insula.kernel.resource.schemas import CODES
from insula.kernel.resource.wordings import WORDINGS, worded

CUSTOM = "custom"
PREFIX = f"{CUSTOM}."
"""How a field of the tenant's own is named beside the others: ``custom.colour``."""
CHOICE = WORDINGS["literal_error"]

Values = Mapping[str, Any]


class AddedField(msgspec.Struct, frozen=True, kw_only=True):
    """A field that a tenant added, as far as values must know it.

    ``slot`` is the column of its keys; it is ``ready`` once all rows have one.
    """

    key: str
    kind: CustomKind
    label: str
    labels: dict[str, str] = {}
    required: bool = False
    choices: tuple[str, ...] = ()
    help: str | None = None
    slot: str | None = None
    ready: bool = False
    archived: bool = False

    @property
    def name(self) -> str:
        """What it is called among the fields of a row."""
        return f"{PREFIX}{self.key}"

    def read(self, value: Any) -> Any:
        """A value as it is kept; raises ``Invalid``."""
        return self._checked(read_value, value)

    def read_text(self, text: str) -> Any:
        """The same from a text; a choice is known in whatever case."""
        if self.kind is CustomKind.choice:
            alike = (it for it in self.choices if it.casefold() == text.casefold())
            text = next(alike, text)
        return self._checked(read_text, text)

    def key_for(self, value: Any) -> str:
        """What is in its slot for a value, or for none."""
        return NO_VALUE if value is None else key_of(self.kind, value)

    def _checked(self, reader: Any, value: Any) -> Any:
        try:
            found = reader(self.kind, value)
        except ValidationError as error:
            raise Invalid(*self._faults(error)) from None
        if self.kind in CHOSEN:
            self._check_choice([found] if isinstance(found, str) else found)
        return found

    def _faults(self, error: ValidationError) -> Iterator[FieldError]:
        for each in error.errors(include_url=False, include_input=False):
            code = CODES.get(each["type"], each["type"])
            yield FieldError(self.name, code, worded(self.name, each))

    def _check_choice(self, chosen: list[str]) -> None:
        if len(set(chosen)) == len(chosen) and set(chosen) <= set(self.choices):
            return
        expected = ", ".join(self.choices)
        words = Words(CHOICE, field=self.name, expected=expected)
        raise Invalid(FieldError(self.name, "literal_error", words))


class AddedFields:
    """The fields that one tenant added to one resource, in their order."""

    def __init__(self, fields: Iterable[AddedField]) -> None:
        every = tuple(fields)
        self.active = {it.key: it for it in every if not it.archived}
        self._kept = [it for it in every if it.slot is not None]
        self.found_by = {
            it.key: it for it in self._kept if it.ready and not it.archived
        }
        """The fields by which rows can be filtered and sorted."""

    def __bool__(self) -> bool:
        return bool(self.active)

    @cached_property
    def _required(self) -> frozenset[str]:
        return frozenset(key for key, it in self.active.items() if it.required)

    def new(self, values: Values) -> dict[str, Any]:
        """Columns of a new row; raises ``Invalid``."""
        read = self._read(values, self._required)
        kept = {key: it for key, it in read.items() if it is not None}
        return {CUSTOM: kept, **self.slots(kept)}

    def changed(self, values: Values) -> dict[str, Any]:
        """Columns that change where some values are sent; raises ``Invalid``."""
        patch = self._read(values, self._required & values.keys())
        slots = {
            it.slot: it.key_for(patch[it.key])
            for it in self._kept
            if it.slot is not None and it.key in patch
        }
        return {CUSTOM: patch, **slots}

    def replaced(self, values: Values) -> dict[str, Any]:
        """The same where whatever is not sent is to go; what is archived stays."""
        blank: dict[str, Any] = dict.fromkeys(self.active)
        return self.changed({**blank, **values})

    def slots(self, kept: Values) -> dict[str, str]:
        """The keys of a row with these values."""
        return {
            it.slot: it.key_for(kept.get(it.key))
            for it in self._kept
            if it.slot is not None
        }

    def _read(self, values: Values, needed: Iterable[str]) -> dict[str, Any]:
        """Values as they are kept; raises ``Invalid`` with all that is wrong."""
        faults = [_unknown(key) for key in values if key not in self.active]
        found: dict[str, Any] = {}
        for key, value in values.items():
            field = self.active.get(key)
            if field is None:
                continue
            found[key] = None
            if value is not None:
                try:
                    found[key] = field.read(value)
                except Invalid as problem:
                    faults += problem.fields
        faults += [_missing(key) for key in needed if values.get(key) is None]
        if faults:
            raise Invalid(*faults)
        return found


def _unknown(key: str) -> FieldError:
    name = f"{PREFIX}{key[:64]}"
    return FieldError(name, "unknown", Words(WORDINGS["extra_forbidden"], field=name))


def _missing(key: str) -> FieldError:
    name = f"{PREFIX}{key}"
    return FieldError(name, "required", Words(WORDINGS["missing"], field=name))


NONE = AddedFields(())
"""Of those who added none."""
