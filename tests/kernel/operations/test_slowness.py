"""Slow statements are counted by tenant, and logged without a word of their values."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
import structlog

from insula.kernel.cache.front import Cache
from insula.kernel.database.pool import Pools
from insula.kernel.database.session import Session, Statement
from insula.kernel.database.slowness import Slowness, shape_of
from insula.kernel.operations.lifecycle import Lifecycle
from insula.kernel.operations.metrics import Metrics
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House
from tests.kernel.operations.scraped import Scraped

pytestmark = pytest.mark.anyio

REST = Statement("SELECT $1::text, $2::text, 'Ada''s', 17, pg_sleep($3::float8)")
SECRET = "a-secret-of-hers"


class Watched:
    """A tenant's session on pools of its own, for which 50 ms are slow."""

    def __init__(self, tenant: Tenant) -> None:
        self.pools = Pools(budget=2, slowness=Slowness(0.05))
        self.tenant_id = tenant.id
        self.session = Session(self.pools, tenant.home, tenant.id)

    async def rest(self, seconds: float, *, together: bool = False) -> list[Any]:
        """Run a statement that takes so long; what was logged meanwhile."""
        with structlog.testing.capture_logs() as logged:
            if together:
                async with self.session.transaction() as transaction:
                    await transaction.fetch(REST, SECRET, seconds)
            else:
                await self.session.fetch(REST, SECRET, seconds)
        return logged


@pytest.fixture
async def watched(house: House) -> Any:
    """One for a tenant of its own."""
    made = Watched(await house.tenant())
    yield made
    await made.pools.close()


@pytest.mark.parametrize("together", [False, True])
async def test_a_slow_statement_is_logged_by_its_shape(
    watched: Watched, together: bool
) -> None:
    """S0-68: whose it was and what it was, never its values."""
    [line] = await watched.rest(0.06, together=together)
    assert (line["event"], line["log_level"]) == ("database.slow", "warning")
    assert line["tenant_id"] == str(watched.tenant_id)
    assert line["shape"] == "SELECT $1::text, $2::text, ?, ?, pg_sleep($3::float8)"
    assert 60 <= line["milliseconds"] < 5000
    assert not any(it in str(line) for it in (SECRET, "Ada", "17,", "0.06"))


@pytest.mark.parametrize("together", [False, True])
async def test_a_fast_statement_is_not_noted(watched: Watched, together: bool) -> None:
    assert await watched.rest(0, together=together) == []
    assert not watched.pools.slowness.counts


async def test_slow_statements_are_counted_by_tenant(watched: Watched) -> None:
    """S0-68, S2-131: beside the connections that are open and those at work."""
    metrics = Metrics(version="1")
    metrics.watch(Lifecycle([]), watched.pools, Cache())
    for _ in range(2):
        await watched.rest(0.06)
    page, name = Scraped(metrics.render()[1]), "database_slow_queries_total"
    assert page.value(name, tenant_id=str(watched.tenant_id)) == 2
    assert page.value("database_connections_open") == 1
    assert page.value("database_connections_busy") == 0


async def test_a_statement_that_was_given_up_was_slow(watched: Watched) -> None:
    """S0-68: the worst of them never answer."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await watched.rest(30)
    assert watched.pools.slowness.counts == {str(watched.tenant_id): 1}


def test_tenants_beyond_the_cap_are_counted_together() -> None:
    """R28."""
    slowness = Slowness(0.01, most=2)
    tenants = [str(uuid4()) for _ in range(5)]
    for whose in (None, *tenants, *tenants):
        slowness.note("SELECT", whose, 1.0)
    named = dict.fromkeys(tenants[:2], 2)
    assert slowness.counts == {"-": 1, **named, "other": 6}


def test_a_shape_is_the_same_for_all_homes() -> None:
    home = f"tenant_{uuid4().hex}"
    text = f"SELECT id\n  FROM {home}.users WHERE name = 'O''Hara' AND a2 > 1.5 + $12"
    assert shape_of(text) == "SELECT id FROM users WHERE name = ? AND a2 > ? + $12"
