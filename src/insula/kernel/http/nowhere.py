"""Nowhere: a sign-in at a tenant that does not exist looks like one that failed.

It takes as long, says the same, and the next ones have to wait as anywhere else.
"""

from typing import NoReturn

from insula.kernel.access.operation import Operation
from insula.kernel.http.request import Request
from insula.kernel.identity.guesses import Guesses
from insula.kernel.identity.signing_in import Identity
from insula.kernel.identity.throttle import SignInThrottled, step_of, whole_seconds


class Nowhere:
    """Refuses sign-ins where nobody could ever sign in; ``rate`` is a minute's."""

    def __init__(self, identity: Identity, rate: int) -> None:
        self._identity, self._guesses = identity, Guesses(step_of(rate))

    async def refuse(self, request: Request, operation: Operation) -> NoReturn:
        """Read the request as anybody would, and answer that the password is wrong."""
        body = (await request.call(operation, "")).body
        email = str(getattr(body, "email", "")).strip().lower()
        named = request.headers.get(b"x-tenant-id", b"")
        wait = self._guesses.take((request.origin.host, named, email))
        if wait:
            raise SignInThrottled(retry_after=whole_seconds(wait))
        await self._identity.refuse(str(getattr(body, "password", "")))
