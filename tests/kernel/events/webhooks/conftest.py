"""Receivers of webhooks on this machine."""

from collections.abc import AsyncIterator

import pytest

from tests.kernel.events.webhooks.sink import Sink


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A receiver that answers 200."""
    sink = await Sink().start()
    yield sink
    await sink.stop()
