"""Whatever is killed, an acknowledged write is there once, and a tenant whole or gone."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from tests.e2e.installation import PASSWORD, Installation, Up
from tests.e2e.writers import ISOLATIONS, Ledger, asset_writer, at_work, tenant_writer

RECOVERY = 60.0
"""Seconds after which everybody must be able to write again, on a machine that runs all
other tests meanwhile."""
WRITTEN = """
SELECT a.id::text,
       (SELECT count(*) FROM {home}.audit_log l WHERE l.tenant_id = a.tenant_id
           AND l.resource_id = a.id AND l.action = 'maintenance.assets.create'),
       (SELECT count(*) FROM {home}.outbox o WHERE o.tenant_id = a.tenant_id
           AND o.resource_id = a.id)
  FROM {home}.maintenance_assets a WHERE a.tenant_id = '{tenant}'
"""
ORPHANS = """
SELECT (SELECT count(*) FROM {home}.audit_log WHERE tenant_id = '{tenant}'
           AND action = 'maintenance.assets.create'
           AND resource_id NOT IN (SELECT id FROM {home}.maintenance_assets)),
       (SELECT count(*) FROM {home}.outbox WHERE tenant_id = '{tenant}'
           AND resource_id NOT IN (SELECT id FROM {home}.maintenance_assets))
"""


class Mortal(Installation):
    """An installation with a tenant in each mode, whose parts are killed."""

    running: Up
    tenants: dict[str, Any]

    def begin(self) -> None:
        """Start, and make the tenants."""
        self.running = self.up()
        operator = ("operators", "create", "operator@insula.test", "--enrol-later")
        assert self.run(*operator, "--password-env", "OWNER_PW").returncode == 0
        with self.sign_in("admin") as client:
            self.tenants = {it: self._create(client, it) for it in ISOLATIONS}

    @staticmethod
    def _create(operator: httpx2.Client, isolation: str) -> Any:
        slug = f"writes-{isolation}"
        owner = {"owner_email": f"owner@{slug}.test", "owner_password": PASSWORD}
        wish = {"slug": slug, "name": "Writes", "isolation": isolation, **owner}
        made = operator.post("tenants", json=wish).json()["data"]
        install = {"app": "maintenance"}
        done = operator.post(f"tenants/{made['id']}/apps", json=install)
        assert done.is_success, done.text
        return made

    def home(self, isolation: str) -> tuple[str, str, str]:
        """Database, schema and id of a tenant."""
        made = self.tenants[isolation]
        return made["database"], made["schema"], made["id"]

    def kill_worker(self) -> None:
        """The supervisor starts another."""
        (worker,) = self.running.workers()
        os.kill(worker, signal.SIGKILL)
        self.await_change(self.running.workers, [worker])

    def kill_postgres(self) -> None:
        """The main process starts another."""
        dead = self.postmaster()
        os.kill(dead, signal.SIGKILL)
        self.await_change(self.postmaster, dead)

    @staticmethod
    def await_change(look: Callable[[], object], before: object) -> None:
        """Wait until something is there that was not."""
        deadline = time.monotonic() + RECOVERY
        while look() in (before, []):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill_all(self) -> None:
        """The main process dies; an operator, or systemd, starts it again."""
        self.running.process.kill()
        self.running.wait()
        self.start_again()

    def start_again(self) -> None:
        """Start what has ended."""
        self.running = self.up()


@pytest.fixture(scope="module")
def mortal() -> Iterator[Mortal]:
    mortal = Mortal(INSULA_OPERATOR_SECOND_FACTOR="false")
    try:
        mortal.begin()
        yield mortal
    finally:
        mortal.remove()


def writing_again(ledgers: list[Ledger], since: float) -> None:
    """Wait until every writer has written."""
    while not all(it.last > since for it in ledgers):
        assert time.monotonic() - since < RECOVERY, ledgers
        time.sleep(0.02)


def check_written(mortal: Mortal, ledger: Ledger) -> None:
    """All that was promised is there, each row with one audit and one outbox entry."""
    isolation = ledger.slug.removeprefix("writes-")
    database, home, tenant = mortal.home(isolation)
    rows = mortal.query(WRITTEN.format(home=home, tenant=tenant), database)
    assert ledger.acknowledged <= {row[0] for row in rows}
    assert {row[1:] for row in rows} == {(1, 1)}
    orphans = ORPHANS.format(home=home, tenant=tenant)
    assert mortal.query(orphans, database) == [(0, 0)]


KILLS: list[Callable[[Mortal], None]] = [
    Mortal.kill_worker,
    Mortal.kill_postgres,
    Mortal.kill_all,
]


@pytest.fixture(scope="module")
def ledgers() -> list[Ledger]:
    """One for every mode; they go on from kill to kill."""
    return [Ledger(f"writes-{it}") for it in ISOLATIONS]


@pytest.mark.parametrize("kill", KILLS)
def test_an_acknowledged_write_outlives_a_kill(
    mortal: Mortal, ledgers: list[Ledger], kill: Callable[[Mortal], None]
) -> None:
    """Promises 4 and 5."""
    with ExitStack() as stack:
        for ledger in ledgers:
            client = stack.enter_context(mortal.sign_in(ledger.slug))
            stack.enter_context(at_work(ledger, asset_writer(client)))
        writing_again(ledgers, time.monotonic())
        time.sleep(0.5)
        killed = time.monotonic()
        kill(mortal)
        writing_again(ledgers, time.monotonic())
        assert time.monotonic() - killed < RECOVERY
        print(f"{kill.__name__}: {time.monotonic() - killed:.1f} s")  # noqa: T201
        time.sleep(0.3)
    for ledger in ledgers:
        assert len(ledger.acknowledged) > 10
        check_written(mortal, ledger)


PLACES = {
    "database": "SELECT datname FROM pg_database WHERE datname LIKE 'tenant\\_%'",
    "role": "SELECT rolname FROM pg_roles WHERE rolname LIKE 'tenant\\_%'",
    "schema": "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tenant\\_%'",
}
HOMES = "SELECT isolation, database, schema FROM control.homes"
STATES = "SELECT id::text, state FROM control.tenants"
OPEN = "SELECT id FROM control.sagas WHERE finished_at IS NULL"


def check_places(installation: Installation) -> None:
    """There is no database, role or schema but those of the register's homes."""
    homes = installation.query(HOMES)
    own = sorted((it[1],) for it in homes if it[0] == "database")
    schemas = sorted((it[2],) for it in homes if it[0] == "schema")
    assert sorted(installation.query(PLACES["database"])) == own
    assert sorted(installation.query(PLACES["role"])) == own
    assert sorted(installation.query(PLACES["schema"], "insula_pool")) == schemas


def test_tenants_made_during_kills_are_active_or_gone(mortal: Mortal) -> None:
    """Promise 5; the next start goes on with what was left."""
    ledger = Ledger("admin")
    with mortal.sign_in("admin") as operator:
        with at_work(ledger, tenant_writer(operator)):
            for kill in (*KILLS, Mortal.kill_postgres):
                writing_again([ledger], time.monotonic())
                kill(mortal)
            writing_again([ledger], time.monotonic() + 0.5)
        mortal.running.kill()
        mortal.start_again()
        found = dict(mortal.query(STATES))
        assert mortal.query(OPEN) == []
        assert set(found.values()) == {"active"}
        assert ledger.acknowledged <= found.keys()
        check_places(mortal)
        assert operator.get("tenants").status_code == 200


def test_a_command_whose_database_dies_leaves_a_tenant_whole_or_gone(
    mortal: Mortal,
) -> None:
    wish = ("tenants", "create", "torn", "--name", "Torn", "--isolation", "database")
    with mortal.command(*wish) as creating:
        while not mortal.query(OPEN) and creating.poll() is None:
            time.sleep(0.01)
        mortal.kill_postgres()
        creating.wait(30)
    mortal.running.kill()
    mortal.start_again()
    assert set(dict(mortal.query(STATES)).values()) == {"active"}
    assert mortal.query(OPEN) == []
    check_places(mortal)
    assert PASSWORD not in mortal.running.complained
