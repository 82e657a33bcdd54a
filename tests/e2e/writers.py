"""Writers: clients who note every write that was acknowledged, and try again after a crash."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2

ISOLATIONS = ("shared", "schema", "database")


@dataclass(slots=True)
class Ledger:
    """What one writer was promised."""

    slug: str
    acknowledged: set[str] = field(default_factory=set)
    refused: int = 0
    last: float = 0.0

    def note(self, row_id: str) -> None:
        """A write was acknowledged."""
        self.acknowledged.add(row_id)
        self.last = time.monotonic()


Write = Callable[[int], str]


@contextmanager
def at_work(ledger: Ledger, write: Write) -> Iterator[Ledger]:
    """Write in a thread of its own for the length of the block."""
    ended = threading.Event()

    def work() -> None:
        for number in itertools.count(len(ledger.acknowledged) + ledger.refused):
            if ended.is_set():
                return
            try:
                ledger.note(write(number))
            except (httpx2.HTTPError, httpx2.InvalidURL, KeyError, ValueError):
                ledger.refused += 1
                time.sleep(0.05)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield ledger
    finally:
        ended.set()
        thread.join(30)


def asset_writer(client: httpx2.Client) -> Write:
    """Makes one asset after the other."""

    def write(number: int) -> str:
        wish = {"name": "Written", "tag": f"W-{number}"}
        answer = client.post("maintenance/assets", json=wish)
        return str(answer.json()["data"]["id"])

    return write


def tenant_writer(operator: httpx2.Client) -> Write:
    """Makes one tenant after the other, in every mode."""

    def write(number: int) -> str:
        isolation = ISOLATIONS[number % 3]
        wish = {"slug": f"crash-{number}", "name": "Crash", "isolation": isolation}
        answer = operator.post("tenants", json=wish)
        return str(answer.json()["data"]["id"])

    return write
