"""The clockwork of a test, whose connections are closed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.house import House
from tests.server.clockwork import Clockwork


@pytest.fixture
async def clockwork(house: House, tmp_path: Path) -> AsyncIterator[Clockwork]:
    """An app that ticks every hour."""
    made = Clockwork(house, tmp_path)
    yield made
    for platform in made.platforms:
        await platform.close()
