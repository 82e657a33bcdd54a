"""Kinds: what a custom field may hold, and the key by which its values are found.

A key is a text whose order by code points is the order of the values, whatever their
kind: PostgreSQL compares texts behind a policy with an index, and numbers of any size
or parts of documents it does not (D2b).
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter
from pydantic_core import PydanticKnownError

from insula.kernel.database.custom import LONGEST_KEY
from insula.kernel.foundation.words import Words
from insula.kernel.resource.shape import Moment

LARGEST = 2**53 - 1
"""The largest integer that every program reads from JSON as it was written."""
PLACES, DIGITS = 6, 15
"""How exact a decimal is: what a double keeps to the last digit."""
MOST_CHOICES = 100
ZERO, WIDTH = 10**22, 23
"""Numbers are kept in keys as whole millionths above the lowest."""


class CustomKind(StrEnum):
    """What a custom field holds."""

    text = "text"
    long_text = "long_text"
    integer = "integer"
    decimal = "decimal"
    boolean = "boolean"
    date = "date"
    datetime = "datetime"
    choice = "choice"
    choices = "choices"
    url = "url"
    email = "email"
    user = "user"


UNFILTERED = frozenset({CustomKind.long_text, CustomKind.choices, CustomKind.url})
"""Of these there are no keys: they are too long, or many."""
CHOSEN = frozenset({CustomKind.choice, CustomKind.choices})
NUMBERS = frozenset({CustomKind.integer, CustomKind.decimal})
ORDERED = NUMBERS | {CustomKind.date, CustomKind.datetime}
"""Kinds whose values are compared by more than being the same."""


def _whole(text: str) -> str:
    """A text that the database takes."""
    if "\x00" in text or any("\ud800" <= it <= "\udfff" for it in text):
        raise PydanticKnownError("string_unicode")
    return text


def _exact(number: float) -> float:
    """A number of so few digits that it is always read as it was written."""
    said = Decimal(repr(number)).normalize().as_tuple()
    places = -int(said.exponent)
    if places > PLACES:
        raise PydanticKnownError("decimal_max_places", {"decimal_places": PLACES})
    if len(said.digits) + max(0, -places) > DIGITS:
        raise PydanticKnownError("decimal_max_digits", {"max_digits": DIGITS})
    return number


def _link(text: str) -> str:
    if not LINK.fullmatch(text):
        raise PydanticKnownError("url_parsing", {"error": "it is none"})
    return text


def _mail(text: str) -> str:
    if not MAIL.fullmatch(text):
        raise ValueError(Words("it is no e-mail address"))
    return text


def _day(text: str) -> str:
    """Pydantic alone takes a number for seconds since 1970."""
    if not DAY.match(text):
        raise PydanticKnownError("date_parsing", {"error": "it is none"})
    return text


def _moment(text: str) -> str:
    if not DAY.match(text):
        raise PydanticKnownError("datetime_parsing", {"error": "it is none"})
    return text


def _text(longest: int, *checks: Callable[[str], str]) -> TypeAdapter[Any]:
    bounds = Field(min_length=1, max_length=longest)
    marks = (bounds, AfterValidator(_whole), *map(AfterValidator, checks))
    return TypeAdapter(Annotated[(str, *marks)], config=STRICT)


STRICT = ConfigDict(strict=True, allow_inf_nan=False)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
LINK = re.compile(r"https?://[^\s]+")
MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SHORT = _text(LONGEST_KEY)
READERS: Mapping[CustomKind, TypeAdapter[Any]] = {
    CustomKind.text: _SHORT,
    CustomKind.long_text: _text(20_000),
    CustomKind.integer: TypeAdapter(
        Annotated[int, Field(ge=-LARGEST, le=LARGEST)], config=STRICT
    ),
    CustomKind.decimal: TypeAdapter(
        Annotated[float, AfterValidator(_exact)], config=STRICT
    ),
    CustomKind.boolean: TypeAdapter(bool, config=STRICT),
    CustomKind.date: _text(LONGEST_KEY, _day),
    CustomKind.datetime: _text(LONGEST_KEY, _moment),
    CustomKind.choice: _SHORT,
    CustomKind.choices: TypeAdapter(
        Annotated[list[str], Field(min_length=1, max_length=MOST_CHOICES)],
        config=STRICT,
    ),
    CustomKind.url: _text(2000, _link),
    CustomKind.email: _text(LONGEST_KEY, _mail),
    CustomKind.user: _SHORT,
}
"""How values come in."""
FROM_TEXT: Mapping[CustomKind, TypeAdapter[Any]] = {
    CustomKind.date: TypeAdapter(date),
    CustomKind.datetime: TypeAdapter(Moment),
    CustomKind.user: TypeAdapter(UUID),
}
"""What texts are read as further, so that there is one way to write each."""


def read_value(kind: CustomKind, value: Any) -> Any:
    """A value as it is kept and answered; raises ``ValidationError``."""
    found, further = READERS[kind].validate_python(value), FROM_TEXT.get(kind)
    return found if further is None else said(further.validate_strings(found))


def read_text(kind: CustomKind, text: str) -> Any:
    """The same from a filter or a cell, where every value is a text."""
    if kind is CustomKind.choices:
        return read_value(kind, [it.strip() for it in text.split(",")])
    if kind in FROM_TEXT:
        return read_value(kind, text)
    return READERS[kind].validate_strings(text)


def said(found: Any) -> str:
    """A day, a moment or an id as it is kept."""
    if isinstance(found, datetime):
        return found.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return found.isoformat() if isinstance(found, date) else str(found)


def _number_key(value: Any) -> str:
    scaled = int(Decimal(repr(value)).scaleb(PLACES))
    return f"{ZERO + scaled:0{WIDTH}d}"


def _moment_key(value: Any) -> str:
    moment = datetime.fromisoformat(value).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f").rjust(26, "0")


KEYS: Mapping[CustomKind, Callable[[Any], str]] = {
    **dict.fromkeys(NUMBERS, _number_key),
    CustomKind.datetime: _moment_key,
    CustomKind.boolean: lambda it: "true" if it else "false",
}


def key_of(kind: CustomKind, value: Any) -> str:
    """The key of a value as it is kept."""
    return KEYS.get(kind, str)(value)
