"""Redirect URIs: where a program wants people sent back to, compared to the letter."""

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import mapped_column

LONGEST_URI = 2000
MOST_URIS = 20
CHARACTERS = re.compile(r"[!-~]+")
"""Printable ASCII, as a URI has it; no blanks, no line ends."""
PRIVATE = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
"""Schemes of programs on a device are domain names turned round (RFC 8252, 7.1)."""
LOOPBACK = ("127.0.0.1", "::1")


class BadRedirect(ValueError):
    """It is no address that people may be sent to."""


def parsed(value: str) -> SplitResult:
    """A URI taken apart, if people may be sent there; raises ``BadRedirect``."""
    if len(value) > LONGEST_URI or not CHARACTERS.fullmatch(value) or "\\" in value:
        raise BadRedirect
    try:
        uri = urlsplit(value)
        host, _ = uri.hostname, uri.port
    except ValueError:
        raise BadRedirect from None
    if "#" in value or "@" in uri.netloc or "*" in uri.netloc:
        raise BadRedirect
    web = uri.scheme == "https" or (uri.scheme == "http" and host in LOOPBACK)
    if web and host:
        return uri
    if PRIVATE.fullmatch(uri.scheme) and value.startswith(f"{uri.scheme}:/"):
        return uri
    raise BadRedirect


def checked_redirect(value: str) -> str:
    """An absolute https URI, one of this machine, or one of a program's own scheme."""
    try:
        parsed(value)
    except BadRedirect:
        raise PydanticCustomError(
            "redirect_invalid",
            "it must be https, http://127.0.0.1 or a scheme such as com.example.app:/,"
            " without user and fragment",
        ) from None
    return value


RedirectUris = Annotated[
    list[
        Annotated[str, Field(max_length=LONGEST_URI), AfterValidator(checked_redirect)]
    ],
    mapped_column(JSONB),
    Field(max_length=MOST_URIS, examples=[["https://app.example.com/callback"]]),
]


def registered(known: list[str], given: str) -> bool:
    """Whether people may be sent there: to the letter, but for a port of loopback.

    Programs on a device listen on whatever port is free (RFC 8252, 7.3).
    """
    if given in known:
        return True
    try:
        uri = parsed(given)
    except BadRedirect:
        return False
    if uri.scheme != "http" or "%" in uri.netloc:
        return False
    return any(_portless(parsed(it)) == _portless(uri) for it in known)


def _portless(uri: SplitResult) -> tuple[str, str | None, str, str]:
    return uri.scheme, uri.hostname, uri.path, uri.query


def answered(redirect_uri: str, answer: Mapping[str, str | None]) -> str:
    """The URI with an answer in its query; what is None is left out."""
    uri = urlsplit(redirect_uri)
    said = [*parse_qsl(uri.query, keep_blank_values=True)]
    said += [(name, value) for name, value in answer.items() if value is not None]
    return uri._replace(query=urlencode(said)).geturl()


def form_target(redirect_uri: str) -> str:
    """The source expression that lets a form lead there (CSP Level 3)."""
    uri = urlsplit(redirect_uri)
    if uri.scheme in ("http", "https"):
        return f"{uri.scheme}://{uri.netloc}"
    return f"{uri.scheme}:"
