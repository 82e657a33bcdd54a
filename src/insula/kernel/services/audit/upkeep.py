"""Upkeep: the months of every home's audit log come and go, whatever becomes of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import structlog

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.home import Home
from insula.kernel.database.session import Statement
from insula.kernel.events.audit.partitions import Rolled, roll_partitions, roll_plain
from insula.kernel.events.audit.reading import ENTER
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import Problem
from insula.kernel.services.audit.checking import reader_of
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

HOMES = """
SELECT home_id, array_agg(id) AS tenants FROM control.tenants
 WHERE home_id IS NOT NULL GROUP BY home_id
"""
HELD = Statement(
    """SELECT EXISTS (SELECT FROM home__.legal_holds h
    WHERE h.tenant_id = ANY($1::uuid[]) AND h.deleted_at IS NULL
      AND (h.until IS NULL OR h.until > $2))"""
)


@dataclass(frozen=True, slots=True)
class AuditUpkeep:
    """Makes and drops the partitions of all homes; to be called every night.

    A home in which any tenant is under a legal hold loses nothing: its partitions
    hold the rows of all its tenants.
    """

    control: Control
    homes: Homes
    keep_months: int
    clock: Clock = now
    others: Sequence[str] = ()
    """Further tables that are cut by months, and keep as many."""

    async def roll(self) -> None:
        """Roll every home on; one that fails is tried again tomorrow."""
        for row in await self.control.fetch(HOMES):
            home = await self.homes.load(row["home_id"])
            try:
                rolled = await self.roll_home(home, row["tenants"])
            except (Problem, asyncpg.PostgresError) as error:
                logger.warning("audit.roll_failed", home=home.schema, error=str(error))
                continue
            if rolled.dropped or rolled.deleted or rolled.waiting:
                told = {"dropped": rolled.dropped, "deleted": rolled.deleted}
                waiting = rolled.waiting
                logger.info("audit.rolled", home=home.schema, waiting=waiting, **told)

    async def roll_home(self, home: Home, tenants: Sequence[UUID]) -> Rolled:
        """Roll one home on."""
        moment = self.clock()
        async with opened(reader_of(self.homes, home)) as reader, reader.transaction():
            await reader.execute(ENTER, str(tenants[0]))
            held = await reader.fetchval(HELD.at(home.schema), tenants, moment)
        keep = None if held else self.keep_months
        async with opened(self.homes.owner(home)) as owner:
            for table in self.others:
                await roll_plain(owner, (home.schema, table), moment, keep)
            return await roll_partitions(owner, home.schema, moment, keep)
