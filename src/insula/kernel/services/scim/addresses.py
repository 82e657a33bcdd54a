"""Where SCIM is, and what its answers are (RFC 7644, 3.1)."""

from collections.abc import Awaitable, Callable

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply

ROOT = "/scim/v2"
TYPE = "application/scim+json"
Run = Callable[[Context, Call], Awaitable[Reply]]
