"""Problems on the wire: the one JSON shape in which a caller learns what went wrong."""

import msgspec

from insula.kernel.foundation.errors import FieldError, Problem
from insula.kernel.foundation.languages import ENGLISH, Catalog, told

_encode = msgspec.json.Encoder(enc_hook=str).encode  # ``Words`` are text


VARIES = (b"vary", b"Accept-Language")


def problem_body(
    problem: Problem, request_id: str, catalog: Catalog | None = None
) -> bytes:
    """The error envelope of a problem, ready to send; in English without a catalog."""
    message = problem.message if catalog is None else catalog.problem(problem)
    fields = [_spoken(wrong, catalog) for wrong in problem.fields]
    messages: dict[str, list[str]] = {}
    for wrong in fields:
        messages.setdefault(wrong.field, []).append(wrong.message)
    return _encode(
        {
            "success": False,
            "error": {
                "code": problem.code,
                "message": message,
                "details": fields,
                "fields": messages,
                "request_id": request_id,
                **{name: problem.details[name] for name in problem.told},
            },
        }
    )


def _spoken(wrong: FieldError, catalog: Catalog | None) -> FieldError:
    """In the language of the answer, and in plain text, as the encoder wants it."""
    return FieldError(wrong.field, wrong.code, told(wrong.message, catalog))


def language_headers(catalog: Catalog | None) -> list[tuple[bytes, bytes]]:
    """What the answer with a problem says of its language."""
    language = ENGLISH if catalog is None else catalog.language
    return [(b"content-language", language.encode()), VARIES]
