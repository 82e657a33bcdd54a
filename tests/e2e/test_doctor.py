"""The doctor, and the refusal to start over a database without walls (D3)."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from insula.kernel.database.embedded import open_server
from tests.e2e.installation import Installation


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """An installation that is prepared, and at rest."""
    installation = Installation()
    try:
        installation.ask_here("tenants", "list")
        yield installation
    finally:
        installation.remove()


def execute(installation: Installation, statement: str) -> None:
    """What somebody does by hand, as the superuser through the socket."""

    async def run() -> None:
        with open_server(installation.data_dir) as at:
            connection = await asyncpg.connect(
                host=at.host, user=at.user, password=at.password, database="postgres"
            )
            await connection.execute(statement)
            await connection.close()

    asyncio.run(run())


def test_a_fresh_installation_is_clean(installation: Installation) -> None:
    found = installation.ask_here("doctor")
    assert {it["level"] for it in found} == {"ok"}
    assert {"isolation", "app role", "version"} <= {it["subject"] for it in found}


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS"])
def test_a_role_that_walls_do_not_hold_is_refused(
    installation: Installation, power: str
) -> None:
    execute(installation, f"ALTER ROLE insula_app {power}")
    try:
        seen = installation.run("doctor")
        assert seen.returncode == 1
        assert "REFUSED" in seen.stdout
        assert f"ALTER ROLE insula_app NO{power}" in seen.stdout
        up = installation.start()
        assert up.wait() == 1
        assert f"insula_app is {power}" in up.complained
        assert f"ALTER ROLE insula_app NO{power}" in up.complained
        assert "ready" not in up.said
    finally:
        execute(installation, f"ALTER ROLE insula_app NO{power}")
