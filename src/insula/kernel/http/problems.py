"""Problems on the wire: in which JSON a caller learns what went wrong."""

from http import HTTPStatus

import msgspec

from insula.kernel.foundation.errors import FieldError, Problem
from insula.kernel.foundation.languages import ENGLISH, Catalog, told
from insula.kernel.http.jsonapi import problem_document
from insula.kernel.http.negotiation import ENVELOPE, JSON_API, PROBLEM

_encode = msgspec.json.Encoder(enc_hook=str).encode  # ``Words`` are text


VARIES = (b"vary", b"Accept, Accept-Language")


def problem_body(
    problem: Problem,
    request_id: str,
    catalog: Catalog | None = None,
    form: bytes = ENVELOPE,
) -> bytes:
    """A problem in one of our forms, ready to send; in English without a catalog."""
    return _FORMS[form](problem, request_id, catalog)


def _enveloped(problem: Problem, request_id: str, catalog: Catalog | None) -> bytes:
    """The error envelope (R12)."""
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


def _details(problem: Problem, request_id: str, catalog: Catalog | None) -> bytes:
    """Problem details (RFC 9457); the members that are ours stand beside its own."""
    return _encode(
        {
            "type": f"urn:insula:problem:{problem.code}",
            "title": HTTPStatus(problem.status).phrase,
            "status": problem.status,
            "detail": problem.message if catalog is None else catalog.problem(problem),
            "instance": f"urn:insula:request:{request_id}",
            "code": problem.code,
            "errors": [_spoken(wrong, catalog) for wrong in problem.fields],
            **{name: problem.details[name] for name in problem.told},
        }
    )


_FORMS = {ENVELOPE: _enveloped, JSON_API: problem_document, PROBLEM: _details}


def _spoken(wrong: FieldError, catalog: Catalog | None) -> FieldError:
    """In the language of the answer, and in plain text, as the encoder wants it."""
    return FieldError(wrong.field, wrong.code, told(wrong.message, catalog))


def language_headers(catalog: Catalog | None) -> list[tuple[bytes, bytes]]:
    """What the answer with a problem says of its language."""
    language = ENGLISH if catalog is None else catalog.language
    return [(b"content-language", language.encode()), VARIES]
