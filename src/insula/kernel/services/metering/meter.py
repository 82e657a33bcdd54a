"""The meter: counts a server process's requests, and adds them to their tenants' hours.

A request costs a look into a dictionary; what was counted is written at most once a
minute, and when the process ends. A process that is killed loses its last minute; one
whose connection breaks while a commit is under way may count that minute twice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog

from insula.kernel.database.session import CONTEXT, Session, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.faults import describe
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.signals import TenantNotFound

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

PAUSE = 60.0
"""Seconds between two writings."""
LAST = 10.0
"""Seconds that the last one may take."""
MOST = 20_000
"""Hours of tenants that are kept in memory; what does not fit is lost, and counted."""
TOGETHER = 8
"""Tenants to whom is written at the same time."""
HOUR = 3600
SLOW = 0.5
LIMITED = 429

ADD = Statement(
    f"""WITH {CONTEXT} INSERT INTO home__.request_rates AS r (tenant_id, id, created_at,
       hour, requests, errors, limited, refused, milliseconds, slow)
SELECT ctx.tenant_id, $2::uuid, $3::timestamptz, $4::timestamptz, $5::bigint, $6::bigint,
       $7::bigint, $8::bigint, $9::bigint, $10::bigint
  FROM ctx
ON CONFLICT (tenant_id, hour) DO UPDATE SET
       requests = r.requests + excluded.requests,
       errors = r.errors + excluded.errors,
       limited = r.limited + excluded.limited,
       refused = r.refused + excluded.refused,
       milliseconds = r.milliseconds + excluded.milliseconds,
       slow = r.slow + excluded.slow"""  # noqa: S608  # our names
)


@dataclass(slots=True)
class Counts:
    """The requests of a tenant in an hour."""

    requests: int = 0
    errors: int = 0
    limited: int = 0
    refused: int = 0
    milliseconds: float = 0.0
    slow: int = 0

    def add(self, other: "Counts") -> None:
        """Count all that another has counted."""
        self.requests += other.requests
        self.errors += other.errors
        self.limited += other.limited
        self.refused += other.refused
        self.milliseconds += other.milliseconds
        self.slow += other.slow


Key = tuple[UUID, int]
"""A tenant, and the hours since 1970."""
OpenSession = Callable[[UUID], Awaitable[Session]]
"""Opens a tenant's door; raises ``TenantNotFound``."""


class Meter:
    """Counts the requests of this process until they are written."""

    def __init__(
        self,
        open_session: OpenSession,
        *,
        clock: Callable[[], float] = time.time,
        most: int = MOST,
    ) -> None:
        self._open, self._clock, self._most = open_session, clock, most
        self._counts: dict[Key, Counts] = {}
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.lost = 0

    def count(self, tenant_id: UUID, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = tenant_id, int(self._clock()) // HOUR
        counts = self._counts.get(key)
        if counts is None:
            if len(self._counts) >= self._most:
                self.lost += 1
                return
            counts = self._counts[key] = Counts()
        counts.requests += 1
        counts.milliseconds += seconds * 1000
        if seconds > SLOW:
            counts.slow += 1
        if status >= 500:
            counts.errors += 1
        elif status == LIMITED:
            counts.limited += 1
        elif status >= 400:
            counts.refused += 1

    async def start(self) -> None:
        """Write what is counted from now on, until ``stop``."""
        self._task = asyncio.create_task(self._write_on())

    async def stop(self) -> None:
        """Write the rest, and no more on its own."""
        self._stopping.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST):
                if self._task is not None:
                    await self._task  # a writing that is cut short may count twice
                await self.write()

    async def _write_on(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._stopping.wait()
            await self.write()

    async def write(self) -> None:
        """Add what was counted to the tenants' hours; what fails is kept for later."""
        counted, self._counts = self._counts, {}
        try:
            while counted:
                some = [counted.popitem() for _ in range(min(TOGETHER, len(counted)))]
                await asyncio.gather(*(self._add(*it) for it in some))
        finally:
            for key, counts in counted.items():
                self._put_back(key, counts)

    async def _add(self, key: Key, counts: Counts) -> None:
        tenant_id, number = key
        try:
            session = await self._open(tenant_id)
            hour = datetime.fromtimestamp(number * HOUR, UTC)
            await session.fetch(ADD, uuid7(), now(), hour, *map(round, astuple(counts)))
        except TenantNotFound:
            return  # it is gone, and its hours with it
        except Exception as error:  # noqa: BLE001  # one tenant's fault is no other's
            self._put_back(key, counts)
            tenant = str(tenant_id)
            logger.warning("metering.kept", tenant_id=tenant, error=describe(error))

    def _put_back(self, key: Key, counts: Counts) -> None:
        known = self._counts.get(key)
        if known is not None:
            known.add(counts)
        elif len(self._counts) < self._most:
            self._counts[key] = counts
        else:
            self.lost += counts.requests
