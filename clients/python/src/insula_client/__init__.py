"""A typed client of Insula's API."""

from insula_client.aio import AsyncClient
from insula_client.api import Client
from insula_client.errors import (
    BadRequest,
    Conflict,
    ConnectionFailed,
    Denied,
    Faulty,
    InsulaError,
    Invalid,
    Limited,
    NotFound,
    PaymentRequired,
    Refused,
    Stale,
    Unauthenticated,
    VersionMissing,
)
from insula_client.exchange import Answered, Asked, Patience
from insula_client.pages import AsyncPages, Page, Pages

__all__ = [
    "Answered",
    "Asked",
    "AsyncClient",
    "AsyncPages",
    "BadRequest",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Denied",
    "Faulty",
    "InsulaError",
    "Invalid",
    "Limited",
    "NotFound",
    "Page",
    "Pages",
    "Patience",
    "PaymentRequired",
    "Refused",
    "Stale",
    "Unauthenticated",
    "VersionMissing",
]
