"""A link opens one file for whoever has it, for a time, and tells nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from insula.kernel.storage.links import Link
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House
from tests.kernel.services.files.desk import Desk, photo

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(house: House, tenant: Tenant) -> Desk:
    """The owner's desk at a tenant of each isolation mode."""
    return Desk(await house.user(tenant))


def visitor(house: House, tenant: Tenant) -> Desk:
    """Somebody at the tenant's host who has not signed in."""
    return Desk(house.caller(tenant.domain))


async def test_a_link_opens_its_file_without_a_sign_in(
    house: House, desk: Desk, tenant: Tenant
) -> None:
    """S1-46: a private file, under /storage."""
    link = await desk.link(await desk.add(b"hello", "a.txt"))
    assert link["url"].startswith("/storage/")
    stranger = visitor(house, tenant)
    for path in (
        link["url"],
        link["url"].replace("/storage/", "/api/v1/file-content/"),
    ):
        got = await stranger.fetch(path)
        assert (got.status_code, got.content) == (200, b"hello")
        assert got.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in got.headers["content-security-policy"]


async def test_a_link_opens_nothing_else(
    house: House, desk: Desk, tenant: Tenant
) -> None:
    """Promise 1: not at another tenant, no other file, nothing when it was changed."""
    file, other = await desk.add(b"hello"), await desk.add(b"other")
    link = await desk.link(file)
    url, token = link["url"], link["token"]
    stranger = visitor(house, tenant)
    elsewhere = visitor(house, await house.tenant(tenant.home.isolation))
    changed = token.replace(".a.", ".i.")
    answers = [
        await elsewhere.fetch(url),
        await stranger.fetch(url.replace(file["id"], other["id"])),
        await stranger.fetch(url.replace(token, changed)),
        await stranger.fetch(url.replace(token, token[:-1])),
        await stranger.fetch(url.partition("?")[0]),
        await stranger.fetch(f"/storage/{file['id']}/content?token={token}"),
    ]
    assert {it.status_code for it in answers} == {404}
    assert len({it.json()["error"]["message"] for it in answers}) == 1


async def test_a_link_that_has_expired_opens_nothing(
    house: House, desk: Desk, tenant: Tenant
) -> None:
    file = await desk.add(b"hello")
    link = Link(
        tenant_id=tenant.id,
        file_id=file["id"],
        edition=1,
        variant="",
        inline=False,
        expires_at=datetime.now(UTC) - timedelta(seconds=1),
    )
    token = house.platform.files.links.token(link)
    got = await visitor(house, tenant).fetch(f"/storage/{file['id']}?token={token}")
    assert got.status_code == 404


async def test_links_end_when_they_are_revoked_or_the_file_is_deleted(
    house: House, desk: Desk, tenant: Tenant
) -> None:
    """Which is why every link leads through us, whatever the storage is."""
    file, stranger = await desk.add(b"hello"), visitor(house, tenant)
    old = await desk.link(file)
    revoked = await desk.caller.post(f"files/{file['id']}/revoke-links")
    assert (await stranger.fetch(old["url"])).status_code == 404
    new = await desk.link(file)
    assert (await stranger.fetch(new["url"])).status_code == 200
    version = {"if-match": f'"{revoked.data["version"]}"'}
    await desk.caller.send("DELETE", f"files/{file['id']}", headers=version)
    assert (await stranger.fetch(new["url"])).status_code == 404


async def test_only_a_copy_can_be_shown_inline(
    house: House, desk: Desk, tenant: Tenant
) -> None:
    """Pitfall 38: what was uploaded is an attachment, whatever the link says."""
    file, stranger = await desk.add(photo("canary")), visitor(house, tenant)
    whole = await desk.link(file, disposition="inline")
    got = await stranger.fetch(whole["url"])
    assert got.headers["content-disposition"].startswith("attachment")
    copy = await desk.link(file, disposition="inline", variant="small")
    got = await stranger.fetch(copy["url"])
    assert got.headers["content-disposition"].startswith("inline")
    assert got.headers["content-type"] == "image/webp"
    assert b"canary" not in got.content


@pytest.mark.parametrize("seconds", [0, -1, 7 * 86_400 + 1])
async def test_no_link_lasts_longer_than_a_week(desk: Desk, seconds: int) -> None:
    file = await desk.add(b"x")
    answer = await desk.caller.post(
        f"files/{file['id']}/links", {"expires_in": seconds}
    )
    assert answer.code == "VALIDATION_ERROR"
