"""Import texts: what the text of a cell means where a schema would guess."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.words import Words


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
