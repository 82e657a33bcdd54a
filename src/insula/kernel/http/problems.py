"""Problems on the wire: the one JSON shape in which a caller learns what went wrong."""

import msgspec

from insula.kernel.foundation.errors import Problem

_encode = msgspec.json.Encoder().encode


def problem_body(problem: Problem, request_id: str) -> bytes:
    """The error envelope of a problem, ready to send."""
    messages: dict[str, list[str]] = {}
    for wrong in problem.fields:
        messages.setdefault(wrong.field, []).append(wrong.message)
    return _encode(
        {
            "success": False,
            "error": {
                "code": problem.code,
                "message": problem.message,
                "details": problem.fields,
                "fields": messages,
                "request_id": request_id,
            },
        }
    )
