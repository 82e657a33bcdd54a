"""A person can be taken out of the log, and the log is still shown to be whole."""

import hashlib
from typing import Any

import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.events.audit.chain import packed
from insula.kernel.events.audit.erasing import Content, redact_entries
from insula.kernel.events.audit.models import LinkKind
from insula.kernel.events.audit.verifying import Reason
from tests.kernel.events.audit.ledger import Ledger

pytestmark = pytest.mark.anyio


def forget(_: Content) -> Content:
    return {"client": None, "user_agent": None, "changes": {"name": "[erased]"}}


async def erase(ledger: Ledger, *entries: Any, redact: Any = forget) -> int:
    home = ledger.tenant.home
    async with opened(ledger.house.platform.homes.owner(home)) as owner:
        return await redact_entries(
            owner, home.schema, ledger.tenant.id, entries, redact
        )


async def test_an_erased_entry_still_verifies_and_is_counted(ledger: Ledger) -> None:
    """S4-22: what it said is gone, that it was there is not."""
    first, second, third = await ledger.write(3)
    await ledger.seal()
    assert await erase(ledger, first, third) == 2
    found, faults = await ledger.verification()
    assert faults == []
    assert found.counts.erased == 2
    told = {it.id: (it.changes, it.client) for it in await ledger.entries()}
    assert told[first] == told[third] == ('{"name": "[erased]"}', None)
    assert told[second] == (f'{{"name": "{second}"}}', "192.0.2.7")
    (link,) = [it for it in await ledger.links() if it.kind is LinkKind.erasure]
    assert list(link.entries) == [first, third]


async def test_nobody_can_try_out_what_was_erased(ledger: Ledger) -> None:
    """Without its salt a commitment tells nothing, even to who guesses right."""
    (entry,) = await ledger.write(1)
    await ledger.seal()
    (before,) = await ledger.links()
    place = list(before.entries).index(entry)
    guess = packed("192.0.2.7", None, f'{{"name": "{entry}"}}')
    salted = hashlib.sha256(before.salts[place] + guess).digest()
    assert salted == before.commitments[place]
    await erase(ledger, entry)
    after = (await ledger.links())[0]
    assert after.salts[place] == b""
    assert after.hash == before.hash


async def test_an_entry_that_is_not_sealed_yet_is_sealed_before(
    ledger: Ledger,
) -> None:
    (entry,) = await ledger.write(1)
    await erase(ledger, entry)
    kinds = [it.kind for it in await ledger.links()]
    assert kinds == [LinkKind.entries, LinkKind.erasure]
    await ledger.write(1)
    await ledger.seal()
    assert await ledger.faults() == []


async def test_erasing_twice_changes_nothing_more(ledger: Ledger) -> None:
    (entry,) = await ledger.write(1)
    assert [await erase(ledger, entry), await erase(ledger, entry)] == [1, 0]
    assert await ledger.faults() == []


async def test_what_stays_as_it_was_keeps_its_salt(ledger: Ledger) -> None:
    (entry,) = await ledger.write(1)
    assert await erase(ledger, entry, redact=lambda content: content) == 0
    found, _ = await ledger.verification()
    assert found.counts.erased == 0


async def test_an_erasure_that_nobody_told_of_is_named(ledger: Ledger) -> None:
    (entry,) = await ledger.write(1)
    await ledger.seal()
    await ledger.tamper("UPDATE {}.audit_chain SET salts = ARRAY(SELECT ''::bytea"
        " FROM unnest(salts)) WHERE tenant_id = $1")  # fmt: skip
    faults = await ledger.faults()
    assert f"entry {entry}: {Reason.forgotten}" in faults


async def test_the_rest_of_an_erased_entry_cannot_be_changed(ledger: Ledger) -> None:
    (entry,) = await ledger.write(1)
    await erase(ledger, entry)
    await ledger.tamper(
        "UPDATE {}.audit_log SET actor_id = NULL WHERE tenant_id = $1 AND id = $2",
        entry,
    )
    assert await ledger.faults() == [f"entry {entry}: {Reason.changed}"]
