"""A home with the app's tables, and in it a new tenant for every test."""

import pytest

from insula.apps.maintenance.manifest import app
from insula.kernel.database.bootstrap import opened, use_of
from insula.kernel.database.cluster import EXTENSIONS, Cluster
from insula.kernel.database.home import Login
from insula.kernel.database.pool import Pools
from insula.kernel.database.schema import ddl
from insula.kernel.database.walls import TENANT_METADATA
from tests.apps.maintenance.plant import SCHEMA, Plant


@pytest.fixture(scope="session")
async def home(cluster: Cluster) -> Login:
    """A schema of its own, with tables as the models declare them."""
    kernels = ("audit_log", "outbox", "tags", "taggings")
    journal = [TENANT_METADATA.tables[name] for name in kernels]
    tables = [*journal, *(resource.table for resource in app.resources)]
    async with (
        opened(cluster.owner(cluster.pool)) as owner,
        owner.transaction(),
    ):
        await owner.execute(
            f"CREATE SCHEMA {SCHEMA}; {use_of(SCHEMA, cluster.roles)};"
            f" SET LOCAL search_path = {SCHEMA}, {EXTENSIONS};"
            + ddl(cluster.roles, tables)
        )
    return cluster.app(cluster.pool)


@pytest.fixture
def plant(home: Login, pools: Pools) -> Plant:
    """A new tenant."""
    return Plant(home, pools)
