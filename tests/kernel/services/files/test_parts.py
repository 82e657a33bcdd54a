"""A file can be read in parts, or not at all when the caller has it already."""

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import House
from tests.kernel.services.files.desk import Desk

pytestmark = pytest.mark.anyio
TEXT = b"0123456789" * 100


@pytest.fixture
async def desk(house: House, lodger: Tenant) -> Desk:
    """The owner's desk at a new tenant."""
    return Desk(await house.user(lodger))


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=990-", 990, 1000), ("bytes=-5", 995, 1000)],
)
async def test_a_part_is_handed_out_alone(
    desk: Desk, asked: str, start: int, end: int
) -> None:
    got = await desk.content(await desk.add(TEXT), range=asked)
    assert (got.status_code, got.content) == (206, TEXT[start:end])
    assert got.headers["content-range"] == f"bytes {start}-{end - 1}/1000"
    assert got.headers["content-length"] == str(end - start)


async def test_a_part_that_is_not_there_is_refused(desk: Desk) -> None:
    got = await desk.content(await desk.add(TEXT), range="bytes=1000-")
    assert got.status_code == 416


async def test_a_part_of_another_edition_is_the_whole(desk: Desk) -> None:
    file = await desk.add(TEXT)
    got = await desk.content(file, range="bytes=0-1", if_range='"other"')
    assert (got.status_code, got.content) == (200, TEXT)
    tag = got.headers["etag"]
    got = await desk.content(file, range="bytes=0-1", if_range=tag)
    assert (got.status_code, got.content) == (206, b"01")


async def test_what_the_caller_has_is_not_sent_again(desk: Desk) -> None:
    file = await desk.add(TEXT)
    tag = (await desk.content(file)).headers["etag"]
    got = await desk.content(file, if_none_match=tag)
    assert (got.status_code, got.content) == (304, b"")


async def test_headers_can_be_asked_for_alone(desk: Desk) -> None:
    got = await desk.content(await desk.add(TEXT), method="HEAD")
    assert (got.status_code, got.content) == (200, b"")
    assert got.headers["content-length"] == "1000"


async def test_an_empty_file_is_a_file(desk: Desk) -> None:
    got = await desk.content(await desk.add(b""))
    assert (got.status_code, got.content) == (200, b"")


async def test_what_is_too_large_is_refused_before_it_is_sent(desk: Desk) -> None:
    """Promise 15."""
    headers = {"content-length": str(2**40)}
    answer = await desk.caller.send("POST", "files", content=b"x", headers=headers)
    assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")
