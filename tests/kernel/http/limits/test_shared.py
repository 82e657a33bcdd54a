"""Shared buckets: exact across processes while Redis answers, and no fault while not."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator

import pytest

from insula.kernel.http.buckets import Buckets, Layer
from insula.kernel.http.limits import Limits, Rates
from insula.kernel.http.shared_buckets import SharedBuckets
from tests.house import House
from tests.kernel.http.limits.served import UNLIMITED, Clock, Served

pytestmark = pytest.mark.anyio

URL = os.environ.get("INSULA_TEST_REDIS_URL", "")
NOBODY = "redis://127.0.0.1:1/0"
needs_redis = pytest.mark.skipif(not URL, reason="needs INSULA_TEST_REDIS_URL")
PATIENT = 5.0


@pytest.fixture
async def processes() -> AsyncIterator[list[SharedBuckets]]:
    """What four processes share."""
    prefix = f"test-{secrets.token_hex(6)}:"
    made = [SharedBuckets(URL, prefix=prefix, timeout=PATIENT) for _ in range(4)]
    yield made
    for it in made:
        await it.close()


async def passes(buckets: SharedBuckets, *wanted: tuple[Layer, str]) -> bool:
    """Whether one more request passes."""
    taken = await buckets.take([(rule, (subject,)) for rule, subject in wanted])
    assert taken is not None
    return not taken.wait


@needs_redis
async def test_processes_share_one_bucket(processes: list[SharedBuckets]) -> None:
    """Promise 14: 300 pass of 500 that four processes ask for at once."""
    rule, began = Layer("tenant", 300, 3600.0), time.monotonic()
    asked = [passes(processes[at % 4], (rule, "t")) for at in range(500)]
    number = sum(await asyncio.gather(*asked))
    filled = (time.monotonic() - began) / rule.interval
    assert 300 <= number <= 300 + filled + 1


@needs_redis
async def test_one_empty_bucket_stops_all_and_takes_from_none(
    processes: list[SharedBuckets],
) -> None:
    """R14, in Redis as in the process."""
    one, wide, narrow = processes[0], Layer("w", 10, 3600.0), Layer("n", 2, 3600.0)
    both = ((wide, "t"), (narrow, "u"))
    assert [await passes(one, *both) for _ in range(4)] == [True, True, False, False]
    assert sum([await passes(one, (wide, "t")) for _ in range(12)]) == 8


@needs_redis
async def test_both_kinds_of_buckets_tell_the_same(
    processes: list[SharedBuckets],
) -> None:
    """R14: waits and debts agree to a tenth of a second."""
    near, rule = Buckets(Clock()), Layer("login", 3, 3600.0)
    for _ in range(5):
        mine = near.take([(rule, ("x",))])
        theirs = await processes[0].take([(rule, ("x",))])
        assert theirs is not None
        assert theirs.wait == pytest.approx(mine.wait, abs=PATIENT)
        assert theirs.debts == pytest.approx(mine.debts, abs=PATIENT)


async def test_without_redis_each_process_counts_for_itself(house: House) -> None:
    """R14, R24: it is away, nobody waits for it, and limits hold all the same."""
    tenant, rates = await house.tenant(), Rates(**{**UNLIMITED, "login": 2})
    away = Limits(rates, SharedBuckets(NOBODY), Buckets(Clock()))
    stranger = Served(house, away).stranger(tenant.domain)
    began = time.perf_counter()
    body = {"email": "a@b.test", "password": "x"}
    got = [(await stranger.post("auth/login", body)).status for _ in range(12)]
    assert got == [401, 401] + [429] * 10
    assert time.perf_counter() - began < PATIENT
    await away.close()
