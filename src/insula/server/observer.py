"""The observer: counts every request, and notes it in the metrics and the log."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import structlog

from insula.kernel.foundation.faults import describe
from insula.kernel.http.application import Visit
from insula.kernel.operations.lifecycle import Lifecycle
from insula.kernel.operations.logs import NOBODY, AccessLog, RequestLine, log_tenant
from insula.kernel.operations.metrics import Metrics

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

NO_OPERATION = "-"
NO_TENANT = (None, NOBODY)

Count = Callable[[UUID, int, float], None]
"""Counts a request for its tenant: its status and its seconds."""


class RequestObserver:
    """Tells life cycle, metrics, log and meter of each request, in microseconds."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        metrics: Metrics,
        access_log: AccessLog,
        count: Count,
    ) -> None:
        self._life, self._metrics, self._log = lifecycle, metrics, access_log
        self._count = count

    def enter(self) -> None:
        """A request begins."""
        self._life.enter()

    def leave(self, visit: Visit) -> None:
        """A request has been answered."""
        self._life.leave()
        operation = visit.operation
        name = NO_OPERATION if operation is None else operation.name
        status = visit.status
        if operation is None and status == 200:
            return  # a probe or a document
        # A refused request has no tenant in its visit; the walk named it on its way.
        named = log_tenant() or NO_TENANT
        if visit.tenant is not None:
            named = visit.tenant.id, visit.tenant.domain
        tenant_id, domain = named
        self._metrics.observe(tenant_id, name, status, visit.seconds)
        if tenant_id is not None:
            self._count(tenant_id, status, visit.seconds)
        request, actor = visit.request, visit.actor
        origin = request.origin
        self._log.note(
            RequestLine(
                datetime.now(UTC),
                "info" if status < 500 else "error",
                "request",
                origin.request_id,
                tenant_id or NOBODY,
                domain,
                actor.id if actor is not None and actor.id is not None else NOBODY,
                request.method,
                name,
                status,
                round(visit.seconds * 1000, 3),
                origin.client,
            )
        )

    def failed(self, request_id: str, error: BaseException) -> None:
        """A request met a fault of the program."""
        logger.error("request.failed", request_id=request_id, error=describe(error))
