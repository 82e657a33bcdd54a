"""``insula up`` over a PostgreSQL that somebody else runs."""

import os
import secrets
from collections.abc import AsyncIterator

import pytest

from insula.kernel.database.cluster import cluster_at
from tests.conftest import remove
from tests.e2e.installation import Installation

pytestmark = pytest.mark.anyio

URL = os.environ.get("INSULA_TEST_DATABASE_URL", "")


@pytest.fixture
async def installation() -> AsyncIterator[Installation]:
    """An installation without a PostgreSQL of its own."""
    prefix = f"e2e{secrets.token_hex(3)}"
    elsewhere = Installation(INSULA_DATABASE_URL=URL, INSULA_DATABASE_PREFIX=prefix)
    try:
        yield elsewhere
    finally:
        elsewhere.remove()
        await remove(cluster_at(URL, prefix=prefix, key=b"unused"))


@pytest.mark.skipif(not URL, reason="needs INSULA_TEST_DATABASE_URL")
async def test_another_server_serves_as_well(installation: Installation) -> None:
    up = installation.up()
    assert not (installation.data_dir / "pgdata").exists()
    installation.create("acme", "database")
    with installation.sign_in("acme") as owner:
        wish = {"name": "Pump", "tag": "P-1"}
        assert owner.post("maintenance/assets", json=wish).status_code == 201
    levels = {it["level"] for it in installation.ask("doctor")}
    assert "REFUSED" not in levels
    assert up.stop() == 0
