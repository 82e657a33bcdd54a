"""Refusals: what a program is told in the words of RFC 6749, 5.2."""

from collections.abc import Mapping
from typing import Any

import msgspec

from insula.kernel.access.operation import Reply
from insula.kernel.services.pages.forms import BadForm, read_form

JSON = "application/json"
NO_STORE = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
ASK = (b"www-authenticate", b'Basic realm="oauth", charset="UTF-8"')


class Refusal(Exception):
    """A request that is refused; ``error`` is one of the words of the RFCs."""

    def __init__(self, error: str, description: str = "", status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status

    def reply(self) -> Reply:
        """The answer that says so."""
        said = {"error": self.error}
        if self.description:
            said["error_description"] = self.description
        headers = (*NO_STORE, ASK) if self.status == 401 else NO_STORE
        return told(said, status=self.status, headers=headers)


def told(
    said: Mapping[str, Any],
    *,
    status: int = 200,
    headers: tuple[tuple[bytes, bytes], ...] = NO_STORE,
) -> Reply:
    """A JSON document without our envelope, as the RFCs have it."""
    body = msgspec.json.encode(said)
    return Reply(body, status=status, content_type=JSON, headers=headers)


def fields(raw: bytes) -> Mapping[str, str]:
    """The fields of a form; each may be given once. Raises ``Refusal``."""
    try:
        return read_form(raw)
    except BadForm:
        message = "The form cannot be read, or says a parameter twice."
        raise Refusal("invalid_request", message) from None
