"""Caches for tests: in memory always, with Redis where INSULA_TEST_REDIS_URL says one."""

import os
import secrets
from collections.abc import AsyncIterator

import pytest

from insula.kernel.cache.front import Cache
from insula.kernel.cache.redis import RedisUrls
from tests.kernel.cache.processes import Processes, sweep

URL = os.environ.get("INSULA_TEST_REDIS_URL")
collect_ignore = [] if URL else ["test_redis.py"]


@pytest.fixture(params=["memory", *(["redis"] if URL else [])])
async def processes(request: pytest.FixtureRequest) -> AsyncIterator[Processes]:
    """Makes caches that hear each other, as those of several processes do."""
    shared = RedisUrls(URL, URL, URL) if URL and request.param == "redis" else None
    made = Processes(shared, prefix=f"test-{secrets.token_hex(6)}:")
    yield made
    await made.close()
    if shared is not None:
        await sweep(shared.cache, made.prefix)


@pytest.fixture
async def cache(processes: Processes) -> Cache:
    """The cache of one process."""
    return processes.start()
