"""The latency of what follows: from an answered request to its job and its listeners."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpx2

from benchmarks.jobs_stand import Stand, until
from benchmarks.platform import serving
from insula.kernel.tenancy.tenant import Tenant

ASSETS = "/api/v1/maintenance/assets"
STARTED = """
SELECT o.resource_id::text, j.started_at FROM {home}.jobs j
  JOIN {home}.outbox o ON o.tenant_id = j.tenant_id AND o.id::text = j.command->>'event_id'
 WHERE j.tenant_id = $1 AND j.task = 'events.react' AND j.started_at IS NOT NULL
   AND j.command->>'reaction' = 'bench.hear'"""


async def latencies(it: Stand, count: int) -> tuple[list[float], list[float]]:
    """Seconds from so many answers to the job's start, and to a listener."""
    tenant = await it.tenant("soon")
    token = await it.token(tenant)
    with it.worker(), serving(it.settings), _client(it, tenant, token) as client:
        await it.present(1)
        with _listening(client) as heard:
            answered = await _write(client, count)
            started = await _started(it, tenant, answered)
            told = [heard[key] - moment for key, moment in answered.items()]
    return [started[key] - moment for key, moment in answered.items()], told


async def _write(client: httpx2.Client, count: int) -> Mapping[str, float]:
    """Make assets; when each was acknowledged. The first one warms everything up."""
    answered = {}
    for number in range(count + 1):
        answer = client.post(ASSETS, json={"name": "Pump", "tag": f"T-{number}"})
        if number:
            answered[str(answer.json()["data"]["id"])] = time.time()
        await asyncio.sleep(0.3 + number % 7 / 50)
    return answered


async def _started(
    it: Stand, tenant: Tenant, wanted: Mapping[str, float]
) -> Mapping[str, float]:
    found: dict[str, float] = {}

    async def all_started() -> bool:
        rows: Sequence[Any] = await it.fetch(tenant, STARTED, tenant.id)
        found.update({row[0]: row[1].timestamp() for row in rows})
        return wanted.keys() <= found.keys()

    await until(all_started)
    return found


@contextmanager
def _listening(client: httpx2.Client) -> Iterator[dict[str, float]]:
    """Listen to a tenant's events; when each row was heard of."""
    heard: dict[str, float] = {}
    began, ended = threading.Event(), threading.Event()

    def listen() -> None:
        # The server ends before its listeners do.
        with (
            suppress(httpx2.HTTPError),
            client.stream("GET", "/api/v1/events/stream") as answer,
        ):
            for line in answer.iter_lines():
                began.set()
                if line.startswith("data:"):
                    key = json.loads(line[5:]).get("resource_id")
                    heard.setdefault(key, time.time())
                if ended.is_set():
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    began.wait(10)
    try:
        yield heard
    finally:
        ended.set()


def _client(it: Stand, tenant: Tenant, token: str) -> httpx2.Client:
    return httpx2.Client(
        base_url=f"http://127.0.0.1:{it.settings.port}",
        headers={"host": tenant.domain, "authorization": f"Bearer {token}"},
        timeout=60,
    )
