"""A server process of a test's own: its meter, and an application that tells it."""

from uuid import UUID

import httpx2

from insula.kernel.database.session import Session
from insula.kernel.operations.channels import Channels
from insula.kernel.operations.lifecycle import Lifecycle
from insula.kernel.operations.logs import AccessLog
from insula.kernel.operations.metrics import Metrics
from insula.kernel.services.metering.meter import Meter
from insula.kernel.tenancy.tenant import Tenant
from insula.server.build import build_app
from insula.server.observer import RequestObserver
from tests.house import Caller, House

HOUR = 3600
NOON = 1_780_315_200.0
"""1 June 2026, 12:00 UTC."""


class Served:
    """One server process; its clock is the test's, and so is whether homes answer."""

    def __init__(self, house: House, *, most: int = 100) -> None:
        self.now, self.house = NOON, house
        self.away: Exception | None = None
        self.meter = Meter(self._open, clock=lambda: self.now, most=most)
        log = AccessLog(Channels(stream=lambda _: None), "json")
        metrics, count = Metrics(version="1"), self.meter.count
        observer = RequestObserver(Lifecycle([]), metrics, log, count)
        app = build_app(house.platform, {}, observer)
        transport = httpx2.ASGITransport(app=app)
        self.http = httpx2.AsyncClient(transport=transport, base_url="http://served")

    async def _open(self, tenant_id: UUID) -> Session:
        if self.away is not None:
            raise self.away
        tenant = await self.house.platform.directory.with_id(tenant_id)
        return self.house.platform.open_session(tenant.home, tenant_id)

    def caller(self, caller: Caller) -> Caller:
        """Somebody of the house, who asks this process."""
        return Caller(self.http, caller.host, caller.token, caller.actor_id)

    def count(self, tenant: Tenant, *statuses: int, seconds: float = 0.1) -> None:
        """Have requests counted that ended so."""
        for status in statuses:
            self.meter.count(tenant.id, status, seconds)
