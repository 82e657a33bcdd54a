"""Whoever touches the log or its chain is found out, and what he touched is named."""

from datetime import timedelta

import pytest

from insula.kernel.events.audit.verifying import Reason
from insula.kernel.foundation.clock import now
from tests.kernel.events.audit.ledger import Ledger, old_id

pytestmark = pytest.mark.anyio
ROWS = "{}.audit_log WHERE tenant_id = $1 AND id = $2"
CHANGES = {
    "what was done": "action = 'nothing.happened'",
    "what it was done to": "resource = 'other'",
    "to which row": "resource_id = gen_random_uuid()",
    "what changed": 'changes = \'{"name": "another"}\'',
    "who did it": "actor_id = NULL",
    "as what": "actor_kind = 'system'",
    "from where": "client = '198.51.100.9'",
    "with what": "user_agent = 'curl'",
    "in which request": "request_id = NULL",
    "when": "created_at = created_at - interval '1 microsecond'",
}
COPY = """
INSERT INTO {}.audit_log (tenant_id, id, created_at, action, resource, actor_kind, changes)
SELECT $1, $2, now(), 'auth.login', 'sessions', 'user', '{{}}'
"""
LINKS = "{}.audit_chain WHERE tenant_id = $1"


async def test_an_untouched_log_has_no_fault(ledger: Ledger) -> None:
    """S3-58, S4-44: the chain covers each entry of the tenant's own log once."""
    await ledger.write(1_200)
    await ledger.seal_all()
    written = await ledger.write(3)
    found, faults = await ledger.verification()
    assert faults == []
    assert found.counts.links == 3
    assert found.counts.sealed + 3 == len(await ledger.entries()) >= 1_203
    assert found.counts.waiting == len(written)


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_names_the_entry(ledger: Ledger, what: str) -> None:
    """Promise 13: changing one row as superuser is named by the verifier."""
    _, touched, _ = await ledger.write(3)
    await ledger.seal()
    change = CHANGES[what].replace("{", "{{").replace("}", "}}")
    place = ROWS.partition(" ")[2]
    await ledger.tamper(f"UPDATE {{}}.audit_log SET {change} {place}", touched)
    assert await ledger.faults() == [f"entry {touched}: {Reason.changed}"]


async def test_two_entries_in_each_others_place_are_both_named(ledger: Ledger) -> None:
    first, second = await ledger.write(2)
    await ledger.seal()
    other = old_id(now() - timedelta(days=1))
    for old, new in ((first, other), (second, first), (other, second)):
        await ledger.tamper(
            "UPDATE {}.audit_log SET id = $3 WHERE tenant_id = $1 AND id = $2", old, new
        )
    faults = await ledger.faults()
    assert faults == [f"entry {it}: {Reason.changed}" for it in (first, second)]


async def test_a_deletion_names_the_entry(ledger: Ledger) -> None:
    _, touched, _ = await ledger.write(3)
    await ledger.seal()
    await ledger.tamper(f"DELETE FROM {ROWS}", touched)
    assert await ledger.faults() == [f"entry {touched}: {Reason.deleted}"]


async def test_an_insertion_names_the_entry(ledger: Ledger) -> None:
    await ledger.write(3)
    await ledger.seal()
    forged = old_id(now() - timedelta(hours=1))
    await ledger.tamper(COPY, forged)
    assert await ledger.faults() == [f"entry {forged}: {Reason.inserted}"]
    await ledger.write(1)
    await ledger.seal()
    assert await ledger.faults() == [f"entry {forged}: {Reason.inserted}"]


async def test_a_changed_link_is_named(ledger: Ledger) -> None:
    for _ in range(3):
        await ledger.write(2)
        await ledger.seal()
    await ledger.tamper(
        "UPDATE {}.audit_chain SET digests = digests[2:2] || digests[1:1]"
        " WHERE tenant_id = $1 AND number = 2"
    )
    faults = await ledger.faults()
    assert f"link 2: {Reason.altered}" in faults
    assert not [it for it in faults if it.startswith(("link 1", "link 3"))]


async def test_two_links_in_each_others_place_are_both_named(ledger: Ledger) -> None:
    for _ in range(4):
        await ledger.write(1)
        await ledger.seal()
    for old, new in ((2, 9), (3, 2), (9, 3)):
        await ledger.tamper(f"UPDATE {LINKS} AND number = $2".replace(
            " WHERE", " SET number = $3 WHERE"), old, new)  # fmt: skip
    faults = await ledger.faults()
    assert {f"link {n}: {Reason.altered}" for n in (2, 3)} <= set(faults)


async def test_a_link_that_is_gone_is_noticed(ledger: Ledger) -> None:
    for _ in range(3):
        await ledger.write(1)
        await ledger.seal()
    await ledger.tamper(f"DELETE FROM {LINKS} AND number = 2")
    faults = await ledger.faults()
    assert faults[:2] == [f"link 3: {Reason.missing}", f"link 3: {Reason.altered}"]


async def test_a_tail_cut_off_is_noticed_by_the_head_kept_outside(
    ledger: Ledger,
) -> None:
    """The rows alone cannot tell: a shorter chain is a whole one."""
    for _ in range(3):
        await ledger.write(1)
        await ledger.seal()
    head = (await ledger.links())[-1]
    await ledger.tamper(f"DELETE FROM {LINKS} AND number = 3")
    assert await ledger.faults() == []
    kept = {head.number: head.hash}
    assert await ledger.faults(kept) == [f"link 2: {Reason.truncated}"]


async def test_a_chain_made_anew_is_noticed_by_the_head_kept_outside(
    ledger: Ledger,
) -> None:
    touched, _ = await ledger.write(2)
    await ledger.seal()
    head = (await ledger.links())[-1]
    await ledger.tamper(f"DELETE FROM {LINKS}")
    await ledger.tamper(f"DELETE FROM {ROWS}", touched)
    await ledger.seal()
    assert await ledger.faults() == []
    kept = {head.number: head.hash}
    assert await ledger.faults(kept) == [f"link 1: {Reason.rewritten}"]


@pytest.mark.parametrize("table", ["audit_log", "audit_chain"])
async def test_the_app_itself_can_neither_change_nor_delete(
    ledger: Ledger, table: str
) -> None:
    """Promise 13, S2-57: INSERT and SELECT are all that it may."""
    roles = ledger.house.platform.cluster.roles
    may = [
        await ledger.superuser.fetchval(
            "SELECT has_table_privilege($1, $2, $3)",
            roles.app,
            f"{ledger.tenant.home.schema}.{table}",
            verb,
        )
        for verb in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
    ]
    assert may == [True, True, False, False, False]
