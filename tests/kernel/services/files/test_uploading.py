"""What is uploaded is what is handed out, to its tenant alone, and harmless to browsers."""

import hashlib
import io
import os
from collections.abc import AsyncIterator

import httpx2
import pytest
from PIL import Image

from insula.kernel.storage.scanning import EICAR
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House
from tests.kernel.services.files.desk import Desk, photo

pytestmark = pytest.mark.anyio
NOBODYS = "0190a000-0000-7000-8000-000000000001"


@pytest.fixture
async def desk(house: House, tenant: Tenant) -> Desk:
    """The owner's desk at a tenant of each isolation mode."""
    return Desk(await house.user(tenant))


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    """A body that arrives piece by piece, of a length that nobody has said."""
    for at in range(0, len(content), 50_000):
        yield content[at : at + 50_000]


async def test_five_megabytes_come_back_as_they_went(desk: Desk) -> None:
    """S1-46, S1-67: streamed in and out, with the same fingerprint at both ends."""
    sent = os.urandom(5 * 2**20)
    answer = await desk.caller.send("POST", "files?name=a.bin", content=pieces(sent))
    file = answer.data
    assert file["size"] == len(sent)
    assert file["sha256"] == hashlib.sha256(sent).hexdigest()
    got = await desk.content(file)
    assert (got.status_code, got.content) == (200, sent)
    assert got.headers["content-length"] == str(len(sent))


async def test_what_is_handed_out_is_saved_and_never_run(desk: Desk) -> None:
    """Pitfall 38: attachment, no sniffing, a sandbox, and a name that stays a name."""
    file = await desk.add(b"%PDF-1.7", 'Bericht "März".pdf')
    headers = (await desk.content(file)).headers
    assert headers["content-type"] == "application/pdf"
    assert headers["content-disposition"].startswith('attachment; filename="Bericht _M')
    assert "sandbox" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"].startswith("private")


@pytest.mark.parametrize("page", [b"<html><script>1</script>", b"<svg onload='a()'/>"])
async def test_a_page_that_is_called_a_picture_is_no_picture(
    desk: Desk, page: bytes
) -> None:
    """Pitfall 38: neither its name nor what the client declares makes it one."""
    headers = {"content-type": "image/png"}
    answer = await desk.caller.send(
        "POST", "files?name=photo.png", content=page, headers=headers
    )
    file = answer.data
    assert file["content_type"] in ("text/html", "image/svg+xml")
    assert file["variants"] == {}
    got = await desk.content(file, "?variant=thumb")
    assert got.status_code == 404
    got = await desk.content(file)
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"].startswith("attachment")


async def test_a_photo_has_copies_that_do_not_tell_where_it_was_taken(
    desk: Desk,
) -> None:
    """Only these, written anew, are shown inline."""
    file = await desk.add(photo("canary of 52.52 north"), "photo.jpg")
    assert set(file["variants"]) == {"thumb", "small", "large"}
    got = await desk.content(file, "?variant=thumb")
    assert got.headers["content-type"] == "image/webp"
    assert got.headers["content-disposition"].startswith("inline")
    assert b"canary" not in got.content
    with Image.open(io.BytesIO(got.content)) as copy:
        assert copy.size == (160, 80)
    original = await desk.content(file)
    assert b"canary" in original.content
    assert original.headers["content-disposition"].startswith("attachment")


async def test_a_harmful_file_is_kept_from_everybody(desk: Desk) -> None:
    file = await desk.add(EICAR, "invoice.pdf")
    assert (file["state"], file["scan"]) == ("quarantined", "infected")
    got = await desk.content(file)
    assert (got.status_code, got.json()["error"]["code"]) == (409, "FILE_QUARANTINED")
    refused = await desk.caller.post(f"files/{file['id']}/links", {})
    assert refused.code == "FILE_QUARANTINED"


async def test_another_tenant_does_not_learn_that_a_file_exists(
    house: House, desk: Desk, tenant: Tenant
) -> None:
    """Promise 1, S1-48: a foreign file is as unknown as any."""
    file = await desk.add(b"secret")
    other = Desk(await house.user(await house.tenant(tenant.home.isolation)))
    for path in ("", "/content", "/content?variant=thumb"):
        theirs = await other.fetch(f"/api/v1/files/{file['id']}{path}")
        nobodys = await other.fetch(f"/api/v1/files/{NOBODYS}{path}")
        assert theirs.status_code == nobodys.status_code == 404
        assert told(theirs) == told(nobodys)
    answer = await other.caller.post(f"files/{file['id']}/links", {})
    assert answer.status == 404
    assert (await other.caller.get("files")).data == []


def told(answer: httpx2.Response) -> object:
    """What an answer says, but for the request's own id."""
    error = answer.json()["error"]
    return {name: it for name, it in error.items() if name != "request_id"}


async def test_nobody_uploads_or_reads_without_the_permission(
    house: House, desk: Desk, tenant: Tenant
) -> None:
    """Promise 3: refused before a byte is stored."""
    file = await desk.add(b"x")
    customer = Desk(await house.user(tenant, "customer"))
    assert (await customer.send(b"x")).code == "FORBIDDEN"
    assert (await customer.content(file)).status_code == 403
    refused = await customer.caller.post(f"files/{file['id']}/links", {})
    assert refused.code == "FORBIDDEN"


async def test_a_deleted_file_cannot_be_had_until_it_is_restored(desk: Desk) -> None:
    file = await desk.add(b"x")
    path, version = f"files/{file['id']}", {"if-match": '"1"'}
    assert (await desk.caller.send("DELETE", path, headers=version)).status == 200
    assert (await desk.content(file)).status_code == 404
    await desk.caller.post(f"{path}/restore")
    assert (await desk.content(file)).content == b"x"


async def test_a_file_is_attached_to_a_row_that_is_there(desk: Desk) -> None:
    """S1-67: to one of this tenant that the uploader may see, and to no other."""
    asset = await desk.caller.create(
        "maintenance/assets", name="Boiler", tag=os.urandom(4).hex()
    )
    subject = {"subject_type": "maintenance.asset", "subject_id": asset["id"]}
    file = await desk.add(b"x", "manual.txt", **subject)
    listed = await desk.caller.get(f"files?subject_id={asset['id']}")
    assert [it["id"] for it in listed.data] == [file["id"]]
    for wrong in (
        {**subject, "subject_id": NOBODYS},
        {**subject, "subject_type": "maintenance.nothing"},
        {"subject_id": asset["id"]},
        {"subject_type": "maintenance.asset"},
        {"folder": "exports"},
    ):
        assert (await desk.send(b"x", **wrong)).code == "VALIDATION_ERROR"
