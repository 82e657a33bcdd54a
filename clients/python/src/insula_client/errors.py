"""What can go wrong: a class for each status, with the code that the server gave it."""

from collections.abc import Mapping, Sequence
from typing import Any


class InsulaError(Exception):
    """Anything that this client raises by itself."""


class ConnectionFailed(InsulaError):
    """No answer came, however often it was tried."""


class Refused(InsulaError):
    """The server answered that it did not do it; ``code`` says why, for ever the same."""

    status = 0

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        self.status = status
        self.error = error
        self.code = str(error.get("code", f"HTTP_{status}"))
        self.message = str(error.get("message", ""))
        self.request_id = error.get("request_id")
        super().__init__(f"{self.code} ({status}): {self.message}")

    @property
    def fields(self) -> Mapping[str, Sequence[str]]:
        """What is wrong with which field."""
        found: Mapping[str, Sequence[str]] = self.error.get("fields") or {}
        return found


class BadRequest(Refused):
    """400: the query, the JSON or a header was not understood."""


class Unauthenticated(Refused):
    """401: the token is missing, wrong or over."""


class PaymentRequired(Refused):
    """402: it is no part of the subscription."""


class Denied(Refused):
    """403: whoever asks may not do it."""


class NotFound(Refused):
    """404: there is no such thing for whoever asks."""


class Conflict(Refused):
    """409: the present state does not allow it."""


class Stale(Refused):
    """412: somebody was faster; ``current`` is the row as it is now."""

    @property
    def current(self) -> Mapping[str, Any] | None:
        """The row as it is now, as far as whoever asks may read it."""
        found: Mapping[str, Any] | None = self.error.get("current")
        return found


class Invalid(Refused):
    """422: understood, and wrong; see ``fields``."""


class VersionMissing(Refused):
    """428: say which version the change is based on."""


class Limited(Refused):
    """429: too many requests, and the wait was longer than the client would."""


class Faulty(Refused):
    """5xx: the server could not do it."""


_BY_STATUS = {
    400: BadRequest,
    401: Unauthenticated,
    402: PaymentRequired,
    403: Denied,
    404: NotFound,
    409: Conflict,
    412: Stale,
    422: Invalid,
    428: VersionMissing,
    429: Limited,
}


def refusal(status: int, body: object) -> Refused:
    """The error that an answer tells; one that is not ours is told by its status alone."""
    error = body.get("error") if isinstance(body, dict) else None
    kind = _BY_STATUS.get(status, Faulty if status >= 500 else Refused)
    return kind(status, error if isinstance(error, dict) else {})
