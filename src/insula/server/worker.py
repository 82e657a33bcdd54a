"""The worker: one process that gives tenants their turns and runs their jobs."""

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import structlog

from insula.kernel.database.session import Session
from insula.kernel.events.relay import Relay
from insula.kernel.foundation.faults import describe
from insula.kernel.foundation.ids import uuid7
from insula.kernel.jobs.dispatching import Dispatcher
from insula.kernel.jobs.roster import SLOW, Roster
from insula.kernel.jobs.tickets import PRUNE, Issuer, Ticket, TicketOffice
from insula.kernel.services.jobs.originators import Originators
from insula.kernel.services.jobs.running import JobRunner
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import WORK, Platform
from insula.server.relaying import Relays

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

BEAT = 2.0
"""Seconds between signs of life."""
LOG_KEPT = timedelta(hours=6)
RECONNECT = 1.0
SPACING = 1.0
"""Seconds between two times that the audit log of a busy tenant is sealed."""


def make_relay(platform: Platform, dispatcher: Dispatcher) -> Relay:
    """The relay of a platform, over that dispatcher."""
    services = platform.services
    return Relay(services.subscribers(), services.attendants(), dispatcher)


def make_runner(platform: Platform) -> JobRunner:
    """What runs the platform's jobs."""
    return JobRunner(
        platform.engine,
        platform.directory.with_id,
        lambda tenant: platform.open_session(tenant.home, tenant.id),
        Originators(platform.authenticator.user, platform.services.acting),
    )


class Worker:
    """Relay and jobs of one process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        fetch = platform.control.fetch
        self._roster = Roster(fetch, uuid7(), socket.gethostname(), os.getpid())
        runner = make_runner(platform)
        login = platform.cluster.app(platform.cluster.control)
        self._runner = runner
        self._issuer = Issuer(login)
        self._office = TicketOffice(login, self._handle, runner.bury)
        rates = {
            name: task.rate
            for name, task in platform.engine.tasks.items()
            if task.rate is not None
        }
        dispatcher = Dispatcher(rates, self._issuer.issue)
        self._relays = Relays(
            replace(make_relay(platform, dispatcher), spacing=SPACING),
            platform.wake_ups,
            platform.directory,
            self._open,
            platform.bus.announce,
        )
        self._stopping = asyncio.Event()

    def _open(self, tenant: Tenant) -> Session:
        return self._platform.open_session(tenant.home, tenant.id)

    async def _handle(self, ticket: Ticket) -> None:
        await self._runner.handle(ticket)
        self._relays.hurry(ticket.tenant_id)

    async def run(self) -> None:
        """Work until ``stop``; then finish what is under way."""
        platform = self._platform
        platform.listen()
        platform.bus.subscribe(lambda topic: self._relays.heard(topic, WORK))
        await platform.bus.start()
        await self._relays.start()
        beating = asyncio.create_task(self._beat())
        try:
            await self._work()
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await self._relays.stop()
            self._issuer.close()
            with suppress(Exception):
                await self._roster.leave(self.figures())

    async def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._office.run()
            except Exception as error:  # noqa: BLE001  # the queue may be away
                logger.warning("worker.queue_away", error=describe(error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(RECONNECT):
                        await self._stopping.wait()

    async def _beat(self) -> None:
        """Tell that this process lives, and learn how many do."""
        while True:
            try:
                self._office.scale(await self._roster.beat(self.figures()))
                await self._platform.control.fetch(PRUNE, LOG_KEPT)
            except Exception as error:  # noqa: BLE001  # the database may be away
                logger.warning("worker.no_beat", error=describe(error))
            await asyncio.sleep(BEAT)

    def figures(self) -> dict[str, float]:
        """What this process has done so far, for the metrics (S0-66, S0-68)."""
        slow = self._platform.pools.slowness.counts.items()
        return {
            **self._runner.tally.figures(),
            **{f"{SLOW}|{label}": count for label, count in slow},
        }

    def stop(self) -> None:
        """Take no more jobs."""
        self._stopping.set()
        self._office.stop()
