"""Erasing: a canary that has sung everywhere is heard nowhere any more."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.home import Isolation
from insula.kernel.foundation.ids import uuid7
from insula.kernel.services.privacy.erasing import Eraser
from insula.kernel.services.privacy.notes import Phase
from insula.kernel.storage.places import Folder
from insula.server.platform import Platform
from tests.kernel.services.privacy.canaries import CANARIES, REGISTRY, superuser, traces
from tests.kernel.services.privacy.conftest import Nest, NestOf, begin, erase

pytestmark = pytest.mark.anyio

Traces = Mapping[str, Sequence[str]]


async def left(nest: Nest) -> Traces:
    """What still tells of the canary in its tenant's home."""
    async with superuser(nest.platform.cluster, nest.tenant) as connection:
        return await traces(connection, nest.tenant.id)


async def known_to_operators(platform: Platform) -> Traces:
    """What tells of the canary in the control database."""
    login = replace(platform.cluster.admin, database=platform.cluster.control)
    async with opened(login) as connection:
        await connection.execute("SET search_path = control")
        return await traces(connection, None)


async def kept(nest: Nest) -> list[str]:
    """The files of the tenant in the storage."""
    return [entry.path async for entry in nest.disk.list(Folder.attachments)]


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_a_canary_in_every_column_is_found_nowhere_after_erasure(
    isolation: Isolation, nest_of: NestOf, eraser: Eraser
) -> None:
    """S4-21: in no table of the home, no file, not with the operators; next door all stays."""
    nest, neighbour = await nest_of(isolation), await nest_of(isolation)
    before, told = await left(neighbour), await left(nest)
    wordy = {it.name for it in REGISTRY.entries.values() if it.texts}
    planted = {name.removesuffix("_rest") for name in told}
    assert wordy - planted <= {"data_requests", "erasure_notes"}
    assert min(len(rows) for name, rows in told.items() if name != "users") >= len(
        CANARIES
    )

    errand = nest.errand()
    await begin(nest, errand)
    note = await erase(nest, eraser, errand)

    assert (note.position.phase, note.position.left) == (Phase.done, 0)
    assert await left(nest) == {}
    assert await known_to_operators(nest.platform) == {}
    # Files of strangers stay, though their names did tell of the canary.
    assert (len(await kept(nest)), len(await kept(neighbour))) == (20, 40)
    assert await left(neighbour) == before


class Killed(Exception):
    """The process ended before the commit."""


async def test_an_erasure_that_was_killed_goes_on_where_it_was(
    nest_of: NestOf, eraser: Eraser
) -> None:
    nest = await nest_of(Isolation.shared)
    errand = nest.errand()
    await begin(nest, errand)
    await erase(nest, eraser, errand, most=9)
    session = nest.platform.open_session(nest.tenant.home, nest.tenant.id)
    with suppress(Killed):
        async with session.transaction() as transaction:
            await eraser.step(transaction, errand)
            raise Killed
    assert "maintenance_work_items" in await left(nest)

    note = await erase(nest, eraser, errand)

    assert note.position.phase is Phase.done
    assert await left(nest) == {}
    again = await erase(nest, eraser, errand)
    assert again.position == note.position


async def test_what_is_written_while_an_erasure_runs_is_found_by_its_check(
    nest_of: NestOf, eraser: Eraser
) -> None:
    nest = await nest_of(Isolation.shared)
    errand = nest.errand()
    await begin(nest, errand)
    note = await erase(nest, eraser, errand, most=1)
    while note.position.phase is not Phase.check:
        note = await erase(nest, eraser, errand, most=1)
    async with superuser(nest.platform.cluster, nest.tenant) as connection:
        await connection.execute(
            "UPDATE maintenance_assets SET name = 'Zofia''s pump' WHERE tenant_id = $1"
            " AND id = (SELECT min(id::text)::uuid FROM maintenance_assets"
            " WHERE tenant_id = $1)",
            nest.tenant.id,
        )
    note = await erase(nest, eraser, errand)
    assert (note.position.round, note.position.left) == (2, 0)
    assert await left(nest) == {}


async def test_the_persons_row_stays_under_a_pseudonym(
    nest_of: NestOf, eraser: Eraser
) -> None:
    """R37: it may be needed as somebody; it is nobody, and cannot sign in."""
    nest = await nest_of(Isolation.shared)
    errand = nest.errand()
    await erase(nest, eraser, errand)
    async with superuser(nest.platform.cluster, nest.tenant) as connection:
        row = await connection.fetchrow(
            "SELECT * FROM users WHERE id = $1", nest.person_id
        )
        sessions = "SELECT count(*) FROM sessions WHERE user_id = $1"
        assert await connection.fetchval(sessions, nest.person_id) == 0
    assert row is not None
    assert row["email"] == f"erased-{nest.person_id.hex}@erased.invalid"
    assert (row["password"], row["avatar"], row["version"]) == (None, None, 2)
    assert row["disabled_at"] == row["deleted_at"] is not None


async def test_former_names_are_known_from_the_journal(
    nest_of: NestOf, eraser: Eraser
) -> None:
    nest = await nest_of(Isolation.shared)
    async with superuser(nest.platform.cluster, nest.tenant) as connection:
        await connection.execute(
            "INSERT INTO audit_log (tenant_id, id, created_at, action, resource,"
            " resource_id, actor_kind, changes) VALUES ($1, $2, now(), 'users.update',"
            " 'user', $3, 'system', $4)",
            nest.tenant.id,
            uuid7(),
            nest.person_id,
            {"name": ["Zofia Spatzinska", "Zofia Canarinska"], "settings": ["x", "y"]},
        )
        told = (
            "UPDATE maintenance_assets SET serial = 'Spatzinska' WHERE tenant_id = $1"
        )
        await connection.execute(told, nest.tenant.id)
        await erase(nest, eraser, nest.errand())
        rows = "SELECT count(*) FROM maintenance_assets WHERE serial = 'Spatzinska'"
        assert await connection.fetchval(rows) == 0
        journal = "SELECT changes FROM audit_log WHERE resource_id = $1"
        changes = await connection.fetchval(journal, nest.person_id)
        assert json.loads(bytes(changes))["name"] == "[erased]"
