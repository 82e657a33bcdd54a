"""Logs are verified, exported and verified again, in every kind of home."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.home import Isolation
from insula.kernel.events.audit.exporting import NotAnExport, Reader
from insula.kernel.events.audit.verifying import Reason
from insula.kernel.foundation.clock import now
from insula.kernel.services.audit.checking import AuditCheck
from tests.house import House
from tests.kernel.events.audit.ledger import Ledger
from tests.kernel.services.audit.second_verifier import misfits

pytestmark = pytest.mark.anyio


async def opened_ledger(house: House, isolation: Isolation) -> AsyncIterator[Ledger]:
    tenant = await house.tenant(isolation, apps=())
    admin = house.platform.cluster.admin
    login = replace(admin, database=tenant.home.login.database)
    async with opened(login) as superuser:
        ledger = Ledger(house, tenant, superuser)
        await ledger.write(700)
        await ledger.seal_all()
        yield ledger


@pytest.fixture
async def ledger(house: House) -> AsyncIterator[Ledger]:
    """A log of two links in the shared home."""
    async for it in opened_ledger(house, Isolation.shared):
        yield it


@pytest.fixture(params=list(Isolation))
async def any_ledger(
    house: House, request: pytest.FixtureRequest
) -> AsyncIterator[Ledger]:
    """The same in a home of each kind."""
    async for it in opened_ledger(house, request.param):
        yield it


def check_of(ledger: Ledger) -> AuditCheck:
    return AuditCheck(ledger.house.platform.control, ledger.house.platform.homes)


async def exported(ledger: Ledger) -> list[bytes]:
    """The lines of an export."""
    file = BytesIO()
    count = await check_of(ledger).export(ledger.tenant.id, file)
    lines = file.getvalue().splitlines(keepends=True)
    assert len(lines) == count + 1
    return lines


def faults_in(lines: list[bytes]) -> list[str]:
    return [str(fault) for fault in Reader(lines).faults()]


async def change(ledger: Ledger) -> str:
    """Change an entry as superuser; what every verifier must say."""
    entry = (await ledger.entries())[3]
    await ledger.tamper(
        "UPDATE {}.audit_log SET actor_id = NULL WHERE tenant_id = $1 AND id = $2",
        entry.id,
    )
    return f"entry {entry.id}: {Reason.changed}"


async def test_a_log_is_verified_where_it_is_and_in_a_file(any_ledger: Ledger) -> None:
    """S3-58, S4-44: and both verifiers name what a superuser has changed."""
    outcome = await check_of(any_ledger).verify(any_ledger.tenant.id)
    assert (outcome.faults, outcome.counts.links) == ([], 2)
    assert faults_in(await exported(any_ledger)) == []
    fault = await change(any_ledger)
    outcome = await check_of(any_ledger).verify(any_ledger.tenant.id)
    assert [str(it) for it in outcome.faults] == [fault]
    assert faults_in(await exported(any_ledger)) == [fault]


async def test_heads_are_kept_once_and_show_that_an_end_is_missing(
    any_ledger: Ledger,
) -> None:
    check = check_of(any_ledger)
    last = (await any_ledger.links())[-1]
    for _ in range(2):
        heads = {it.tenant_id: it for it in await check.keep_heads()}
        assert heads[any_ledger.tenant.id].hash == last.hash.hex()
    control = any_ledger.house.platform.control
    rows = await control.fetch(
        "SELECT number FROM control.audit_heads WHERE tenant_id = $1",
        any_ledger.tenant.id,
    )
    assert [row["number"] for row in rows] == [2]
    await any_ledger.tamper(
        "DELETE FROM {}.audit_chain WHERE tenant_id = $1 AND number = 2"
    )
    outcome = await check.verify(any_ledger.tenant.id)
    assert f"link 1: {Reason.truncated}" in [str(it) for it in outcome.faults]
    assert f"link 1: {Reason.truncated}" in faults_in(await exported(any_ledger))


async def test_the_app_cannot_change_what_was_kept_outside(ledger: Ledger) -> None:
    """Promise 13: nor the operators' log."""
    cluster = ledger.house.platform.cluster
    async with opened(replace(cluster.admin, database=cluster.control)) as superuser:
        for table in ("audit_heads", "audit_logs"):
            may = [
                await superuser.fetchval(
                    "SELECT has_table_privilege($1, $2, $3)",
                    *(cluster.roles.app, f"control.{table}", verb),
                )
                for verb in ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
            ]
            assert may == [True, False, False, False]


async def test_a_verifier_made_from_the_documentation_agrees(ledger: Ledger) -> None:
    assert misfits(await exported(ledger)) == set()
    fault = await change(ledger)
    named = misfits(await exported(ledger))
    assert [f"entry {it}: {Reason.changed}" for it in named] == [fault]
    forged = await ledger.write(1, at=now() - timedelta(days=1))
    await ledger.tamper(
        "UPDATE {}.audit_chain SET kind = 'expiry' WHERE tenant_id = $1 AND number = 2"
    )
    found = misfits(await exported(ledger))
    assert {str(forged[0]), 2} <= found


DAMAGES: dict[str, Any] = {
    "a line is missing": lambda it: [*it[:5], *it[6:]],
    "the end is missing": lambda it: it[:-1],
    "the heading is missing": lambda it: it[1:],
    "it is empty": lambda _: [],
    "it is something else": lambda _: [b"id,name\n", b"1,x\n"],
    "it is of another format": lambda it: [
        it[0].replace(b"audit-1", b"audit-9"),
        *it[1:],
    ],
    "a line is of another tenant": lambda it: [
        *it[:5],
        it[5].replace(b'"tenant_id":"0', b'"tenant_id":"1'),
        *it[6:],
    ],
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_file_that_is_not_whole_is_refused(ledger: Ledger, damage: str) -> None:
    lines = DAMAGES[damage](await exported(ledger))
    with pytest.raises(NotAnExport):
        faults_in(lines)
