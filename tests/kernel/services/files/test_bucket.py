"""Over a bucket everything is as over a directory, links included."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from insula.kernel.services.files.service import Bounds, Files
from insula.kernel.storage.bucket import Bucket, BucketStore
from insula.kernel.storage.disks import Storage
from insula.kernel.storage.places import BUCKET, Folder
from insula.kernel.storage.scanning import NullScanner
from insula.kernel.tenancy.tenant import Tenant
from insula.server.build import build_app
from insula.server.platform import Platform
from tests.house import House, Witness
from tests.kernel.services.files.conftest import no_limit
from tests.kernel.services.files.desk import Desk, photo
from tests.kernel.storage.moto import make_bucket, s3_service

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def bucket() -> Iterator[BucketStore]:
    """A bucket of an S3 service."""
    with s3_service() as address:
        make_bucket(address, "insula-house")
        yield BucketStore(
            Bucket(
                name="insula-house",
                endpoint=address,
                access_key_id="k",
                secret_access_key="s",
            )
        )


@pytest.fixture
async def house(
    platform: Platform,
    bucket: BucketStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:
    """The whole application, with its files in the bucket."""
    storage, witness = Storage(bucket, BUCKET, tmp_path), Witness()
    files = Files(storage, NullScanner(), no_limit, b"k" * 32, bounds=Bounds())
    monkeypatch.setitem(vars(platform), "files", files)
    house = House(platform, build_app(platform, {}, witness), witness)
    async with house.http:
        yield house
    assert not witness.faults


async def test_five_megabytes_go_into_a_bucket_and_come_out(
    house: House, lodger: Tenant, bucket: BucketStore
) -> None:
    """S0-06, S1-47: under the tenant's own prefix."""
    desk, sent = Desk(await house.user(lodger)), os.urandom(5 * 2**20)
    file = await desk.add(sent, "a.bin")
    assert (await desk.content(file)).content == sent
    part = await desk.content(file, range="bytes=1000-1999")
    assert (part.status_code, part.content) == (206, sent[1000:2000])
    paths = [it.path async for it in bucket.list(f"tenants/{lodger.id}")]
    assert len(paths) == 1
    assert paths[0].startswith(f"tenants/{lodger.id}/attachments/")


async def test_a_link_leads_through_us_and_can_be_revoked(
    house: House, lodger: Tenant
) -> None:
    """No address of the bucket is ever handed out."""
    desk = Desk(await house.user(lodger))
    file = await desk.add(photo(), "photo.jpg")
    link = await desk.link(file, variant="thumb", disposition="inline")
    stranger = Desk(house.caller(lodger.domain))
    assert link["url"].startswith("/storage/")
    assert (await stranger.fetch(link["url"])).status_code == 200
    await desk.caller.post(f"files/{file['id']}/revoke-links")
    assert (await stranger.fetch(link["url"])).status_code == 404


async def test_nothing_of_a_purged_tenant_is_left_in_the_bucket(
    house: House, lodger: Tenant
) -> None:
    desk = Desk(await house.user(lodger))
    await desk.add(photo())
    files: Files = house.platform.files
    await files.remove_tenant(lodger.id)
    listed = files.disk(lodger.id).list(Folder.attachments)
    assert [it async for it in listed] == []
