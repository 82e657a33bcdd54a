"""A rig for each test, and receivers on this machine."""

from collections.abc import AsyncIterator

import pytest

from tests.house import House
from tests.kernel.events.webhooks.sink import Sink
from tests.kernel.services.webhooks.rig import Rig, new_rig


@pytest.fixture
async def rig(house: House) -> AsyncIterator[Rig]:
    """A tenant's webhooks, turned by hand."""
    rig = await new_rig(house)
    yield rig
    await rig.webhooks.close()


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A receiver that answers 200."""
    sink = await Sink().start()
    yield sink
    await sink.stop()
