"""Other services keep files too, which those who may read files cannot all have."""

from datetime import UTC, datetime, timedelta

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.services.files.models import File
from insula.kernel.services.files.service import NewFile
from insula.kernel.storage.links import Link
from insula.kernel.storage.places import Folder
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House
from tests.kernel.services.files.desk import Desk
from tests.kernel.storage.streams import stream

pytestmark = pytest.mark.anyio


async def exported(house: House, tenant: Tenant, expires_at: datetime) -> File:
    """A file that a service made for somebody."""
    platform = house.platform
    session = platform.open_session(tenant.home, tenant.id)
    system = Actor(ActorKind.system, None, tenant=tenant.id)
    ctx = Context(system, tenant=tenant, session=session)
    arrival = await platform.files.receive(ctx, stream(b"all"), folder=Folder.exports)
    async with platform.engine.work(ctx) as work:
        new = NewFile("all.zip", expires_at=expires_at)
        return await platform.files.record(work, arrival, new)


def token_of(house: House, tenant: Tenant, file: File) -> str:
    """A link that the service makes for whom it made the file for."""
    link = Link(
        tenant_id=tenant.id,
        file_id=file.id,
        edition=file.edition,
        variant="",
        inline=False,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    return house.platform.files.links.token(link)


async def test_what_was_made_for_somebody_opens_by_its_link_alone(
    house: House, lodger: Tenant
) -> None:
    file = await exported(house, lodger, datetime.now(UTC) + timedelta(days=1))
    owner = Desk(await house.user(lodger))
    assert (await owner.content({"id": file.id})).status_code == 404
    refused = await owner.caller.post(f"files/{file.id}/links", {})
    assert refused.status == 404
    stranger, token = Desk(house.caller(lodger.domain)), token_of(house, lodger, file)
    got = await stranger.fetch(f"/storage/{file.id}?token={token}")
    assert (got.status_code, got.content) == (200, b"all")


async def test_what_has_expired_cannot_be_had_though_it_is_still_there(
    house: House, lodger: Tenant
) -> None:
    file = await exported(house, lodger, datetime.now(UTC))
    stranger, token = Desk(house.caller(lodger.domain)), token_of(house, lodger, file)
    got = await stranger.fetch(f"/storage/{file.id}?token={token}")
    assert got.status_code == 404


async def test_what_a_service_owes_somebody_is_not_refused_for_its_size(
    house: House, lodger: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person has a right to their data, also where an upload has no room (S4-20)."""

    async def nothing(_: object) -> int:
        return 0

    monkeypatch.setattr(house.platform.files, "ceiling", nothing)
    desk = Desk(await house.user(lodger))
    assert (await desk.send(b"x")).code == "QUOTA_EXCEEDED"
    file = await exported(house, lodger, datetime.now(UTC) + timedelta(days=1))
    assert file.size == 3
