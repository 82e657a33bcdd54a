"""Refusals: from whatever went wrong to the answer that says so."""

from collections.abc import Callable, Mapping

import asyncpg

from insula.kernel.database.pool import DatabaseAway
from insula.kernel.foundation.errors import Problem
from insula.kernel.foundation.languages import Catalog
from insula.kernel.http.negotiation import ENVELOPE
from insula.kernel.http.problems import language_headers, problem_body
from insula.kernel.resource.violations import Breach, translate

Refusal = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers and body."""

AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InterfaceError,
    ConnectionError,
    TimeoutError,
)


class Refusals:
    """Knows every error; ``failed`` is told the id of a request that met a fault."""

    def __init__(
        self,
        breaches: Mapping[str, Breach],
        failed: Callable[[str, BaseException], None],
    ) -> None:
        self._breaches, self._failed = breaches, failed

    def refuse(
        self,
        error: Exception,
        request_id: str,
        catalog: Catalog | None = None,
        form: bytes = ENVELOPE,
    ) -> Refusal:
        """The answer to a request that met this error, in the catalog's language."""
        problem = self.problem(error, request_id)
        body = problem_body(problem, request_id, catalog, form)
        headers = [
            (b"content-type", form),
            (b"cache-control", b"no-store"),
            *language_headers(catalog),
        ]
        if problem.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        elif problem.status == 405:
            allowed = str(problem.details.get("allowed", ""))
            headers.append((b"allow", allowed.encode()))
        elif problem.status == 426:
            headers += ((b"upgrade", b"websocket"), (b"connection", b"upgrade"))
        elif problem.status in (429, 503):
            wait = problem.details.get("retry_after", 1)
            headers.append((b"retry-after", str(wait).encode()))
        return problem.status, headers, body

    def problem(self, error: Exception, request_id: str) -> Problem:
        """What callers are told; what nobody foresaw is a fault of the program."""
        if isinstance(error, Problem):
            return error
        known = translate(error, self._breaches)
        if known is not None:
            return known
        if isinstance(error, AWAY):
            return DatabaseAway()
        self._failed(request_id, error)
        return Problem()
