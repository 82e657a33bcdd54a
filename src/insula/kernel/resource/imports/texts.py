"""Import texts: what the text of a cell means where a schema would guess."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from insula.kernel.foundation.currencies import exponent
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.imports.mapping import Instructions
from insula.kernel.resource.shape import Facet

NUMBERS = frozenset({"bigint", "integer", "double precision"})
GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
SPACES = re.compile(r"[\s\u00a0\u202f']")
AMOUNT = re.compile(r"[+-]?\d{1,19}(\.\d{1,19})?", re.ASCII)


class Misfit(ValueError):
    """A text is not what its field takes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def json_value(text: str) -> Any:
    """What a cell says in JSON; raises ``Misfit``."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise Misfit("json", Words("It is not valid JSON.")) from None


class Texts:
    """Reads the cells of one import as its instructions say."""

    def __init__(self, said: Instructions, facets: Iterable[Facet]) -> None:
        self._moments = Moments(said.time_zone, said.time_format)
        self._comma, self._major = said.decimal_comma, said.major_units
        self._choices = {
            facet.name: {str(it).casefold(): it for it in _members(facet)}
            for facet in facets
        }

    def value(self, facet: Facet, text: str) -> Any:
        """What a schema is to take for the text of a field; raises ``Misfit``."""
        if facet.cast == "timestamptz":
            return self._moments.moment(text)
        if facet.cast == "date":
            return self._moments.day(text)
        if facet.cast in NUMBERS:
            return self._number(text)
        choices = self._choices[facet.name]
        return choices.get(text.casefold(), text) if choices else text

    def plain(self, cast: str, text: str) -> str:
        """A number, a moment or a day as programs write it; raises ``Misfit``."""
        if cast in NUMBERS:
            return self._number(text)
        moment = cast == "timestamptz"
        found = self._moments.moment(text) if moment else self._moments.day(text)
        return found.isoformat()

    def is_amount(self, facet: Facet) -> bool:
        """Whether the field's texts are money as people write it."""
        return self._major and facet.field.currency is not None

    def amount(self, facet: Facet, text: str, given: Mapping[str, Any]) -> int:
        """Minor units of the row's currency; raises ``Misfit``."""
        code = given.get(facet.field.currency or "")
        number = self._number(text)
        try:
            places = exponent(str(code))
        except ValueError:
            raise Misfit("currency", Words("It needs a currency.")) from None
        minor = Decimal(number if AMOUNT.fullmatch(number) else "NaN").scaleb(places)
        if not minor.is_finite() or minor != int(minor):
            words = Words("It is no amount of {currency}.", currency=code)
            raise Misfit("money", words)
        return int(minor)

    def _number(self, text: str) -> str:
        """A number as programs write it."""
        plain = SPACES.sub("", text)
        if self._comma:
            return plain.replace(".", "").replace(",", ".")
        return plain.replace(",", "") if GROUPED.fullmatch(plain) else plain


def _members(facet: Facet) -> Iterable[Any]:
    """What a field may be, where that is a closed set."""
    kind = facet.load
    return kind if isinstance(kind, type) and issubclass(kind, StrEnum) else ()


class Moments:
    """Reads moments and days; a moment without an offset is of the given zone.

    Pydantic alone would take ``12`` for the twelfth second of 1970.
    """

    def __init__(self, time_zone: str, time_format: str | None) -> None:
        """Raises ``Invalid`` for a zone that does not exist."""
        self._format = time_format
        self._zone: ZoneInfo | None = None
        if time_zone != "UTC":
            self._zone = _zone(time_zone)

    def moment(self, text: str) -> datetime:
        """A moment in UTC; raises ``Misfit``."""
        found = self._parse(text)
        try:
            if found.tzinfo is not None:
                return found.astimezone(UTC)
            return self._local(found)
        except OverflowError:
            raise Misfit("datetime", Words("It is too far away in time.")) from None

    def _local(self, found: datetime) -> datetime:
        if self._zone is None:
            return found.replace(tzinfo=UTC)
        moment = found.replace(tzinfo=self._zone).astimezone(UTC)
        if moment.astimezone(self._zone).replace(tzinfo=None) != found:
            words = Words("The clock skipped this time when it was put forward.")
            raise Misfit("datetime", words)
        return moment

    def day(self, text: str) -> date:
        """A calendar day; raises ``Misfit``."""
        return self._parse(text).date()

    def _parse(self, text: str) -> datetime:
        try:
            if self._format is None:
                return datetime.fromisoformat(text)
            return datetime.strptime(text, self._format)  # noqa: DTZ007  # see _local
        except ValueError:
            wanted = self._format or "ISO 8601, such as 2026-11-21 06:00"
            raise Misfit(
                "datetime", Words("It is no time as {wanted}.", wanted=wanted)
            ) from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        words = Words("There is no time zone '{name}'.", name=name)
        raise Invalid(FieldError("time_zone", "invalid", words)) from None
