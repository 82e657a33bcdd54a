"""Whatever is killed, what follows a write happens: once, in order, and to the end."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.echoing import publish
from tests.e2e.sink import Sink, listening
from tests.e2e.test_crashes import RECOVERY, WRITTEN, Mortal, writing_again
from tests.e2e.writers import ISOLATIONS, Ledger, Write, asset_writer, at_work

SECONDS = float(os.environ.get("INSULA_CHAOS_SECONDS", "12"))
PACE = 0.15
"""Seconds between two writes of a writer."""
SEED = 7
EVENT = "maintenance.asset.created"
END = 300.0
"""Seconds in which everything that was caused must have happened after the last kill."""

HURRY = """
WITH due AS (UPDATE {home}.jobs SET run_at = now() WHERE tenant_id = '{tenant}'
    AND state = 'queued' AND run_at > now()),
rested AS (UPDATE {home}.webhook_endpoints SET open_until = NULL
    WHERE tenant_id = '{tenant}')
UPDATE {home}.webhook_deliveries SET next_at = now() WHERE tenant_id = '{tenant}'
   AND state = 'waiting' AND next_at > now() RETURNING 1"""
WAKE = "UPDATE control.awake_tenants SET look_at = now() RETURNING 1"
OPEN = """
SELECT (SELECT count(*) FROM {home}.outbox WHERE tenant_id = '{tenant}'
           AND sent_at IS NULL),
       (SELECT count(*) FROM {home}.jobs WHERE tenant_id = '{tenant}'
           AND ended_at IS NULL),
       (SELECT count(*) FROM {home}.webhook_deliveries WHERE tenant_id = '{tenant}'
           AND state IN ('waiting', 'sending'))"""
ENDED = """
SELECT (SELECT count(*) FROM {home}.jobs WHERE tenant_id = '{tenant}'
           AND state <> 'done'),
       (SELECT count(*) FROM {home}.webhook_failures WHERE tenant_id = '{tenant}'),
       (SELECT count(*) = max(sequence) AND min(sequence) = 1
           AND count(DISTINCT sequence) = count(*)
          FROM {home}.outbox WHERE tenant_id = '{tenant}')"""
CAUSED = """
SELECT resource_id::text, id::text FROM {home}.outbox
 WHERE tenant_id = '{tenant}' AND name = 'maintenance.asset.created'"""
ECHOES = """
SELECT name, payload->>'asset_id', count(*) FROM {home}.outbox
 WHERE tenant_id = '{tenant}' AND name LIKE 'echo.%' GROUP BY 1, 2"""


class Afterwards(Mortal):
    """An installation with an app that echoes, and endpoints that are told everything."""

    def listen(self, sink: Sink) -> None:
        """Have every tenant tell the sink of its assets."""
        for isolation in ISOLATIONS:
            path = f"/{isolation}"
            wish = {
                "url": f"http://127.0.0.1:{sink.port}{path}",
                "events": [EVENT],
                "concurrency": 10,
            }
            with self.sign_in(f"writes-{isolation}") as owner:
                made = owner.post("webhook-endpoints", json=wish)
                assert made.status_code == 201, made.text
                sink.secrets[path] = made.json()["data"]["secret"]

    def crew(self) -> list[int]:
        """The processes that run jobs."""
        ended = self.running.process.poll()
        assert ended is None, (ended, self.running.complained[-3000:])
        listed = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self.running.pid)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        return [int(it.split()[0]) for it in listed if "insula.server.joining" in it]

    def kill_crew(self) -> None:
        """One of them dies; the main process starts another."""
        before = self.crew()
        os.kill(before[0], signal.SIGKILL)
        self.await_change(lambda: before[0] in self.crew(), True)
        self.await_change(lambda: len(self.crew()) >= 1, False)

    def kill_postgres(self) -> None:
        """The main process starts another; its file is away for a moment."""
        dead = self.postmaster()
        os.kill(dead, signal.SIGKILL)
        self.await_change(self._postmasters, [dead])

    def _postmasters(self) -> list[int]:
        try:
            return [self.postmaster()]
        except (FileNotFoundError, IndexError, ValueError):
            return []

    def ask_each(self, sql: str) -> dict[str, list[tuple[Any, ...]]]:
        """What a statement finds for each tenant, by its isolation."""
        found = {}
        for isolation in ISOLATIONS:
            database, home, tenant = self.home(isolation)
            found[isolation] = self.query(
                sql.format(home=home, tenant=tenant), database
            )
        return found

    def let_time_pass(self) -> None:
        """Whatever waits for a later moment has come to it."""
        self.ask_each(HURRY)
        self.query(WAKE)

    def finish(self) -> float:
        """Wait until nothing is left to do; the seconds that took."""
        began = time.monotonic()
        while left := [it for rows in self.ask_each(OPEN).values() for it in rows[0]]:
            if not any(left):
                break
            assert time.monotonic() - began < END, left
            self.let_time_pass()
            time.sleep(1)
        return time.monotonic() - began


@dataclass(slots=True)
class Chaos:
    """Kills one part after the other, as a seed has it."""

    mortal: Afterwards
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311  # no secret
    killed: dict[str, int] = field(default_factory=dict)

    def reign(self, seconds: float) -> None:
        """Kill for so long."""
        until = time.monotonic() + seconds
        kills: list[Callable[[], None]] = [
            self.mortal.kill_worker,
            self.mortal.kill_crew,
            self.mortal.kill_crew,
            self.mortal.kill_postgres,
        ]
        while time.monotonic() < until:
            time.sleep(self.chance.uniform(0.5, 4))
            kill = self.chance.choice(kills)
            kill()
            self.killed[kill.__name__] = self.killed.get(kill.__name__, 0) + 1


def paced(write: Write) -> Write:
    """No more writes than the machine of a test can follow up."""

    def slowly(number: int) -> str:
        time.sleep(PACE)
        return write(number)

    return slowly


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is left when everything has happened."""

    mortal: Afterwards
    sink: Sink
    ledgers: list[Ledger]
    chaos: Chaos
    seconds: float

    def events(self) -> dict[str, dict[str, str]]:
        """The event of every asset, by isolation."""
        found = self.mortal.ask_each(CAUSED)
        assert all(len(dict(rows)) == len(rows) for rows in found.values())
        return {key: dict(rows) for key, rows in found.items()}


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """Write, kill, and wait for the end of what that has caused."""
    site = publish(Path(tmp_path_factory.mktemp("site")))
    with listening(SEED) as sink:
        mortal = Afterwards(
            PYTHONPATH=site,
            INSULA_WEBHOOK_ALLOW='["127.0.0.0/8"]',
            INSULA_WEBHOOK_PORTS=f"[{sink.port}]",
            INSULA_WEBHOOK_HTTP="true",
            INSULA_WORKERS_MIN="2",
            INSULA_WORKERS_MAX="3",
        )
        try:
            mortal.begin()
            mortal.listen(sink)
            yield _wreak(mortal, sink)
        finally:
            mortal.remove()


def _wreak(mortal: Afterwards, sink: Sink) -> Aftermath:
    ledgers = [Ledger(f"writes-{it}") for it in ISOLATIONS]
    chaos = Chaos(mortal)
    with ExitStack() as stack:
        for ledger in ledgers:
            client = stack.enter_context(mortal.sign_in(ledger.slug))
            stack.enter_context(at_work(ledger, paced(asset_writer(client))))
        writing_again(ledgers, time.monotonic())
        chaos.reign(SECONDS)
        writing_again(ledgers, time.monotonic())
    aftermath = Aftermath(mortal, sink, ledgers, chaos, mortal.finish())
    acknowledged = sum(len(it.acknowledged) for it in ledgers)
    print(  # noqa: T201  # the figures of a long run
        f"{acknowledged} acknowledged, {sum(it.refused for it in ledgers)} refused,"
        f" killed {chaos.killed}, webhooks {sink.accepted} accepted and {sink.failed}"
        f" failed, done {aftermath.seconds:.1f} s later"
    )
    return aftermath


def test_every_acknowledged_write_has_one_event_and_one_entry(
    aftermath: Aftermath,
) -> None:
    """Promise 4: none is lost, and none has happened twice."""
    for ledger in aftermath.ledgers:
        assert len(ledger.acknowledged) > SECONDS / 10
        events = aftermath.events()[ledger.slug.removeprefix("writes-")]
        assert ledger.acknowledged <= events.keys()
    for rows in aftermath.mortal.ask_each(WRITTEN).values():
        assert {row[1:] for row in rows} == {(1, 1)}


def test_every_event_arrived_with_one_id_and_a_good_signature(
    aftermath: Aftermath,
) -> None:
    sink = aftermath.sink
    assert sink.forged == 0
    assert sink.failed > 0
    for isolation, events in aftermath.events().items():
        arrived = sink.verified[f"/{isolation}"]
        assert arrived.keys() == set(events.values())
        assert {len(ids) for ids in arrived.values()} == {1}


def test_every_effect_is_there_once(aftermath: Aftermath) -> None:
    events = aftermath.events()
    for isolation, rows in aftermath.mortal.ask_each(ECHOES).items():
        seen = {(name, asset): count for name, asset, count in rows}
        expected = {
            (name, asset): 1
            for name in ("echo.reacted", "echo.noted")
            for asset in events[isolation]
        }
        assert seen == expected


def test_the_numbers_have_no_gap_and_every_job_has_ended(aftermath: Aftermath) -> None:
    for isolation, rows in aftermath.mortal.ask_each(ENDED).items():
        assert rows == [(0, 0, True)], isolation


def test_the_audit_chain_verifies(aftermath: Aftermath) -> None:
    done = aftermath.mortal.run("audit", "verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_crew_is_complete_again(aftermath: Aftermath) -> None:
    """S1-38: whoever dies is replaced."""
    assert aftermath.chaos.killed
    deadline = time.monotonic() + RECOVERY
    while not 2 <= len(aftermath.mortal.crew()) <= 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
