"""Nightly work gives back what is gone, and never takes what is still there."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.session import Session, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.tasks import Errand
from insula.kernel.services.files.manifest import files_service
from insula.kernel.services.files.quota import read_usage, reserve
from insula.kernel.services.files.service import Files
from insula.kernel.services.files.upkeep import Upkeep, forget
from insula.kernel.storage.disks import Disk
from insula.kernel.storage.places import Folder, new_name, variant_name
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import Platform
from tests.kernel.storage.streams import stream

pytestmark = pytest.mark.anyio
NOW = datetime.now(UTC)
ADD = Statement(
    "INSERT INTO home__.files (tenant_id, id, version, created_at, updated_at, name,"
    " content_type, size, sha256, folder, storage_key, state, scan, variants, edition,"
    " deleted_at, expires_at) VALUES ($1::text::uuid, $2, 1, now(), now(), 'a',"
    " 'image/png', 10, '', 'attachments', $3, 'ready', 'clean', '{\"thumb\": 1}', 1,"
    " $4, $5)"
)


@pytest.fixture
def disk(files: Files, lodger: Tenant) -> Disk:
    """The content of the new tenant's files."""
    return files.disk(lodger.id)


@pytest.fixture
def upkeep(session: Session, disk: Disk) -> Upkeep:
    """The nightly work of the new tenant."""
    return Upkeep(session, disk, NOW)


async def put(disk: Disk) -> str:
    """Content of ten bytes with a copy; its name."""
    name = new_name(Folder.attachments)
    for it in (name, variant_name(name, "thumb")):
        await disk.put(it, stream(b"0123456789"), limit=10)
    return name


async def add(
    session: Session,
    disk: Disk,
    *,
    deleted: datetime | None = None,
    expires: datetime | None = None,
) -> tuple[UUID, str]:
    """A file of ten bytes with a copy, as the service would write it."""
    name, file_id = await put(disk), uuid7()
    async with session.transaction() as transaction:
        await reserve(transaction, 10, 1000)
        await transaction.fetch(ADD, file_id, name, deleted, expires)
    return file_id, name


async def stored(disk: Disk) -> set[str]:
    """The names of all content, copies left out."""
    listed = {it.path async for it in disk.list(Folder.attachments)}
    return {name for name in listed if variant_name(name[:44], "thumb") in listed}


async def used(session: Session) -> int:
    """What the counter says."""
    async with session.transaction() as transaction:
        return (await read_usage(transaction, 0)).used


async def test_the_trash_is_emptied_after_a_month(
    session: Session, disk: Disk, upkeep: Upkeep
) -> None:
    """Rows, content, copies and room go together; what is younger stays."""
    await add(session, disk, deleted=NOW - timedelta(days=31))
    kept = [
        await add(session, disk, deleted=NOW - timedelta(days=29)),
        await add(session, disk, expires=NOW + timedelta(days=1)),
        await add(session, disk),
    ]
    await upkeep.run()
    names = {name for _, name in kept}
    assert {it[:44] for it in await stored(disk)} == names
    assert await used(session) == 30


async def test_what_has_expired_goes_too(
    session: Session, disk: Disk, upkeep: Upkeep
) -> None:
    await add(session, disk, expires=NOW - timedelta(seconds=1))
    assert await upkeep.empty_trash(before=NOW) == 1
    assert await stored(disk) == set()
    assert await used(session) == 0


async def test_content_without_a_row_is_swept_when_it_is_old(
    session: Session, disk: Disk, upkeep: Upkeep, tmp_path: Path
) -> None:
    """A kill between content and row leaves the first: a day later it is gone."""
    _, kept = await add(session, disk)
    orphan, fresh = await put(disk), await put(disk)
    root = tmp_path / "storage" / "app" / "tenants" / str(disk.tenant_id)
    long_ago = (NOW - timedelta(days=2)).timestamp()
    for name in (kept, orphan, variant_name(orphan, "thumb")):
        os.utime(root / name, (long_ago, long_ago))
    assert await upkeep.sweep() == 2
    assert {it[:44] for it in await stored(disk)} == {kept, fresh}
    assert await upkeep.sweep() == 0


async def test_many_are_swept_in_batches(
    session: Session, disk: Disk, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("insula.kernel.services.files.upkeep.BATCH", 2)
    _, kept = await add(session, disk)
    for _ in range(5):
        await put(disk)
    tomorrow = Upkeep(session, disk, NOW + timedelta(days=2))
    assert await tomorrow.sweep() == 10
    assert {it[:44] for it in await stored(disk)} == {kept}


async def test_files_can_be_forgotten_at_once(session: Session, disk: Disk) -> None:
    file_id, name = await add(session, disk)
    async with session.transaction() as transaction:
        names = await forget(transaction, [file_id, uuid7()])
    assert names == [name, variant_name(name, "thumb")]
    assert await used(session) == 0


async def test_nothing_of_a_purged_tenant_is_left(files: Files, disk: Disk) -> None:
    await put(disk)
    await files.remove_tenant(disk.tenant_id)
    await files.remove_tenant(disk.tenant_id)
    assert await stored(disk) == set()


async def test_every_tenant_is_tended_each_night(
    platform: Platform, lodger: Tenant, session: Session, files: Files
) -> None:
    """As an errand: no transaction stays open while the storage is gone through."""
    service = files_service(files)
    assert service.always
    assert [it.cron for it in service.schedules] == ["0 3 * * *"]
    (tend,) = service.tasks
    assert isinstance(tend, Errand)
    orphan, disk = await put(files.disk(lodger.id)), files.disk(lodger.id)
    await add(session, disk, expires=NOW - timedelta(days=1))
    system = Actor(ActorKind.system, None, tenant=lodger.id)
    ctx = Context(system, tenant=lodger, session=session)
    async with platform.engine.work(ctx) as work:
        upkeep = await tend.prepare(work, tend.command())
    await tend.perform(upkeep)
    assert {it[:44] for it in await stored(disk)} == {orphan}  # it is fresh
    assert await used(session) == 0
