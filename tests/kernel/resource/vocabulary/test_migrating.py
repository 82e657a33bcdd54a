"""Migrating: what an author is given for the words makes exactly what they declare."""

from pathlib import Path

import pytest

from insula.kernel.database.authoring import NothingChanged, autogenerate
from insula.kernel.database.bootstrap import opened, use_of
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.migrations import Migrations, upgrade
from insula.kernel.database.shadow import shadow_difference
from insula.kernel.foundation.ids import uuid7
from tests.kernel.resource.vocabulary.shop import METADATA

pytestmark = pytest.mark.anyio


async def test_the_words_are_migrated_as_they_are_declared(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Computed columns, ranks, money, numbers and rules, without a line by hand."""
    series = [Migrations("shop", tmp_path, METADATA)]
    login, schema = cluster.owner(cluster.pool), f"shop_{uuid7().hex}"
    path = await autogenerate(login, schema, series, cluster.roles, "The shop.")
    assert path.endswith("/0001_the_shop.py")
    with pytest.raises(NothingChanged):
        await autogenerate(login, schema, series, cluster.roles, "Nothing")
    async with opened(login) as owner:
        await owner.execute(f"CREATE SCHEMA {schema};{use_of(schema, cluster.roles)}")
    await upgrade(login, schema, series, cluster.roles)
    found = await shadow_difference(login, schema, series, cluster.roles)
    async with opened(login) as owner:
        await owner.execute(f"DROP SCHEMA {schema} CASCADE")
    assert found == []
