"""Ids: UUIDv7 (RFC 9562), so that rows made later sort later."""

from uuid import UUID

from uuid_utils.compat import uuid7

__all__ = ["UUID", "parse_uuid", "uuid7"]


def parse_uuid(text: str) -> UUID | None:
    """The id that a caller wrote in its canonical form, or None."""
    if len(text) != 36:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None
