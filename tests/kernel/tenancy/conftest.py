"""Provisioning on the tests' server, and an inventory of all that it may leave there."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.home import Login
from insula.kernel.database.pool import Pools
from insula.kernel.foundation.errors import Problem
from insula.kernel.plans.standard import ensure_plans
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.provisioning import Provisioning
from tests.kernel.tenancy.crash import provisioning_of

Inventory = Callable[[], Awaitable[set[tuple[str, str]]]]
Recover = Callable[[], Awaitable[list[Problem | None]]]

OPEN = "SELECT FROM control.sagas WHERE finished_at IS NULL"

CONTROL = """
SELECT 'tenant', slug FROM control.tenants
UNION ALL SELECT 'home', database || '.' || schema FROM control.homes
UNION ALL SELECT 'domain', domain FROM control.domains
UNION ALL SELECT 'subscription', id::text FROM control.subscriptions
UNION ALL SELECT 'installation', id::text FROM control.app_installations
UNION ALL SELECT 'open saga', id::text FROM control.sagas WHERE finished_at IS NULL
UNION ALL SELECT 'kept data', id::text FROM control.sagas
           WHERE finished_at IS NOT NULL AND data <> '{}'
"""
SERVER = """
SELECT 'database', datname FROM pg_database
UNION ALL SELECT 'role', rolname FROM pg_roles
"""
POOL = """
SELECT 'schema', nspname FROM pg_namespace
UNION ALL SELECT 'user', tenant_id::text FROM shared.users
UNION ALL SELECT 'audit', tenant_id::text FROM shared.audit_log
"""


@pytest.fixture
async def provisioning(control: Control, homes: Homes, pools: Pools) -> Provisioning:
    """The service as servers and the command line have it."""
    await ensure_plans(control)
    return provisioning_of(control, homes, pools)


@pytest.fixture
def inventory(control: Control, homes: Homes) -> Inventory:
    """Everything of tenants that there is, wherever it is."""
    cluster = homes.cluster

    async def count() -> set[tuple[str, str]]:
        found = list(await control.fetch(CONTROL))
        for database, query in ((cluster.control, SERVER), (cluster.pool, POOL)):
            async with opened(_all_seeing(cluster, database)) as connection:
                found += await connection.fetch(query)
        return {(kind, name) for kind, name in found}

    return count


@pytest.fixture
def recover(control: Control, provisioning: Provisioning) -> Recover:
    """What a server does time and again: go on with whatever a crash has left.

    The dead process's lock is gone when PostgreSQL has noticed, within milliseconds.
    """

    async def until_nothing_is_open() -> list[Problem | None]:
        ended = list[Problem | None]()
        async with asyncio.timeout(10):
            while await control.fetch(OPEN):
                ended += (await provisioning.resume_all()).values()
        return ended

    return until_nothing_is_open


def _all_seeing(cluster: Cluster, database: str) -> Login:
    return replace(cluster.admin, database=database)
