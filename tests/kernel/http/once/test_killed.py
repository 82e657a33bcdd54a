"""Killed while clients write under keys, and asked again: each write is there once."""

import threading
import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.e2e.installation import Installation

WRITTEN = """
SELECT name, count(*) FROM {home}.maintenance_locations
 WHERE tenant_id = '{tenant}' GROUP BY name"""
JOURNAL = """
SELECT (SELECT count(*) FROM {home}.audit_log WHERE tenant_id = '{tenant}'
           AND action = 'maintenance.locations.create'),
       (SELECT count(*) FROM {home}.idempotency_keys WHERE tenant_id = '{tenant}')"""
WRITERS, KILLS, PATIENCE = 3, 2, 60.0


class Stubborn:
    """A client that sends a write under one key until it hears that it was done."""

    def __init__(self, client: httpx2.Client, number: int) -> None:
        self._client, self._number = client, number
        self.done: list[str] = []
        self.replayed = self.tries = 0
        self.ended = threading.Event()

    def run(self) -> None:
        """One write after the other; none is given up."""
        while not self.ended.is_set():
            name = f"L-{self._number}-{len(self.done)}"
            while not self._write(name):
                time.sleep(0.02)
            self.done.append(name)

    def _write(self, name: str) -> bool:
        self.tries += 1
        headers = {"idempotency-key": f"key-of-{name}"}
        try:
            answer = self._client.post(
                "maintenance/locations", json={"name": name}, headers=headers
            )
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return False
        self.replayed += "idempotent-replayed" in answer.headers
        return answer.status_code == 201


@pytest.fixture
def installation() -> Iterator[Installation]:
    installation = Installation(
        INSULA_LIMIT_USER="0", INSULA_LIMIT_TENANT="0", INSULA_LIMIT_ANONYMOUS="0"
    )
    try:
        yield installation
    finally:
        installation.remove()


def test_killed_again_and_again_each_write_is_there_once(
    installation: Installation,
) -> None:
    """S4-15, promise 9: nothing has a rule of uniqueness here but the keys."""
    running = installation.up()
    made = installation.create("stubborn", "shared")
    with installation.sign_in("stubborn") as client:
        clients = [Stubborn(client, number) for number in range(WRITERS)]
        threads = [threading.Thread(target=it.run, daemon=True) for it in clients]
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            heard = sum(len(it.done) for it in clients)
            deadline = time.monotonic() + PATIENCE
            while sum(len(it.done) for it in clients) < heard + 20:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            running.process.kill()
            running.wait()
            running = installation.up()
        for it in clients:
            it.ended.set()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
    where = {"home": made["schema"], "tenant": made["id"]}
    rows = installation.query(WRITTEN.format(**where), made["database"])
    done = {name for it in clients for name in it.done}
    assert dict(rows) == dict.fromkeys(done, 1)
    journal = installation.query(JOURNAL.format(**where), made["database"])
    assert journal == [(len(done), len(done))]
    assert sum(it.tries for it in clients) > len(done)
