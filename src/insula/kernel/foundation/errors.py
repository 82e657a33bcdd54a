"""Problems: everything that can go wrong for a caller, each with a stable code."""

from dataclasses import dataclass
from typing import ClassVar

from insula.kernel.foundation.words import Words


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of the caller's input."""

    field: str
    code: str
    message: str


class Problem(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"
    told: ClassVar[tuple[str, ...]] = ()
    """The details that a caller is given by name, beside the message."""

    def __init__(self, *fields: FieldError, **details: object) -> None:
        """Keep the offending fields, and the values that the docstring names."""
        super().__init__()
        self.fields = fields
        self.details = details

    @classmethod
    def template(cls) -> str:
        """The class's docstring as one line; what stands in braces are values."""
        return " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())

    @property
    def message(self) -> str:
        """The sentence a person reads: the class's docstring with its values."""
        return " ".join(self.template().format(**self.details).split())

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class BadRequest(Problem):
    """The request is malformed."""

    status = 400
    code = "BAD_REQUEST"


class Unauthenticated(Problem):
    """Sign in first: the request carries no valid credential."""

    status = 401
    code = "UNAUTHENTICATED"


class PaymentRequired(Problem):
    """The subscription does not cover this."""

    status = 402
    code = "PAYMENT_REQUIRED"


class Denied(Problem):
    """You may not do this."""

    status = 403
    code = "FORBIDDEN"


class NotFound(Problem):
    """There is no such thing here."""

    status = 404
    code = "NOT_FOUND"


class MethodNotAllowed(Problem):
    """This address does not answer to {method}."""

    status = 405
    code = "METHOD_NOT_ALLOWED"


class Conflict(Problem):
    """The request conflicts with the present state."""

    status = 409
    code = "CONFLICT"


class Stale(Problem):
    """Somebody changed this in the meantime: read it again, then repeat."""

    status = 412
    code = "VERSION_MISMATCH"


class PreconditionRequired(Problem):
    """Send If-Match with the version that you read."""

    status = 428
    code = "IF_MATCH_REQUIRED"


class TooLarge(Problem):
    """The request is larger than allowed."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"


UNKNOWN = "The {field} field refers to nothing here."


def refers_to_nothing(field: str) -> FieldError:
    """What is told of a field that names a row which is not the caller's, or no row."""
    return FieldError(field, "not_found", Words(UNKNOWN, field=field))


class Invalid(Problem):
    """The given data was invalid."""

    status = 422
    code = "VALIDATION_ERROR"


class Limited(Problem):
    """Too many requests: wait before the next."""

    status = 429
    code = "RATE_LIMITED"


class Unavailable(Problem):
    """The service cannot do this now: try again in a moment."""

    status = 503
    code = "UNAVAILABLE"
