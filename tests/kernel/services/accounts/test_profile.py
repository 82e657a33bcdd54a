"""Profile: what people see and change of themselves, and where they are signed in."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image

from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.engine import registered_apps
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import Platform
from tests.house import Answer, Caller
from tests.kernel.services.accounts.people import PASSWORD, Place

pytestmark = pytest.mark.anyio
ADA, NEW = "ada@people.test", "ada@elsewhere.test"
OWN = "profile"
LONDON = b"Exif\0\0somewhere in London"


@pytest.fixture
async def ada(place: Place) -> Caller:
    """Somebody who signed in."""
    await place.person(ADA)
    return await place.signed_in(ADA)


@pytest.fixture
async def elsewhere(place: Place) -> AsyncIterator[Platform]:
    """Another process of the same installation."""
    ours = place.house.platform
    platform = Platform(ours.settings, ours.cluster, registered_apps())
    platform.listen()
    await platform.bus.start()
    yield platform
    await platform.close()


async def change(who: Caller, **fields: Any) -> Answer:
    """Change the profile as it is now."""
    etag = (await who.get(OWN)).headers["etag"]
    return await who.patch(OWN, fields, headers={"if-match": etag})


def picture(kind: str = "JPEG", size: tuple[int, int] = (900, 600)) -> bytes:
    """An image that says where it was taken."""
    written = io.BytesIO()
    extra = {"exif": LONDON} if kind == "JPEG" else {}
    Image.new("RGB", size, "teal").save(written, kind, **extra)
    return written.getvalue()


async def test_people_see_themselves_and_change_that(place: Place, ada: Caller) -> None:
    """S0-18, S0-35, S1-54: but not their roles, and nobody else's profile."""
    shown = (await ada.get(OWN)).data
    assert (shown["email"], shown["roles"]) == (ADA, ["member"])
    assert shown["last_login_at"] is not None
    assert (await ada.patch(OWN, {"name": "Ada L."})).status == 428
    changed = await change(ada, name="Ada L.", locale="de", settings={"a": 1})
    assert (changed.data["name"], changed.data["settings"]) == ("Ada L.", {"a": 1})
    assert (await ada.get("auth/user")).data["user"]["name"] == "Ada L."
    for field in ("roles", "email", "password", "tenant_id", "second_factor"):
        assert (await change(ada, **{field: "x"})).status == 422
    stale = await ada.patch(OWN, {"name": "B"}, headers={"if-match": '"1"'})
    assert stale.status == 412
    assert (await place.visitor().get(OWN)).code == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "Ada\r\nBcc: x@y.test"},
        {"name": "x" * 256},
        {"name": None},
        {"locale": "../de"},
        {"settings": {"x": "y" * 20_000}},
        {"settings": []},
        {"settings": None},
    ],
)
async def test_what_is_malformed_is_refused(ada: Caller, wrong: dict[str, Any]) -> None:
    """S1-52: without a fault, whatever is sent."""
    refused = await change(ada, **wrong)
    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")


async def test_a_picture_is_drawn_anew(place: Place, ada: Caller) -> None:
    """S0-18: nothing of the file is kept, and the one before goes to the trash."""
    first = await ada.send("PUT", f"{OWN}/avatar", content=picture("PNG"))
    second = await ada.send("PUT", f"{OWN}/avatar", content=picture())
    path = second.data["avatar"]
    assert first.data["avatar"] != path
    shown = await ada.get(path)
    assert shown.headers["content-type"] == "image/webp"
    assert (await ada.get(OWN)).data["avatar"] == path
    (file,) = (await ada.get("files")).data
    assert file["content_type"] == "image/webp"
    disk = place.house.platform.files.disk(place.tenant.id)
    (row,) = await place.rows(
        "SELECT storage_key FROM home__.files WHERE tenant_id = $1::text::uuid"
        " AND deleted_at IS NULL"
    )
    whole = b"".join([it async for it in await disk.read(row["storage_key"], 0, 9999)])
    assert whole[8:12] == b"WEBP"
    assert b"London" not in whole
    gone = await ada.send("DELETE", f"{OWN}/avatar")
    assert gone.data["avatar"] is None
    assert (await ada.get("files")).data == []
    assert (await place.actions()).count("files.delete") == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an image",
        picture()[:300],
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
async def test_what_is_no_picture_is_refused(ada: Caller, content: bytes) -> None:
    refused = await ada.send("PUT", f"{OWN}/avatar", content=content)
    assert refused.status == 422
    huge = await ada.send(
        "PUT", f"{OWN}/avatar", content=b"\xff\xd8" + b"x" * 6_000_000
    )
    assert huge.status == 413


async def test_people_see_and_end_their_sign_ins(place: Place, ada: Caller) -> None:
    """S3-01: one, or all others; nobody sees or ends another's."""
    second = await place.signed_in(ADA, user_agent="Telephone/1")
    third = await place.signed_in(ADA)
    await place.person("bob@people.test")
    theirs = await place.signed_in("bob@people.test")
    shown = (await ada.get(f"{OWN}/sessions")).data["sessions"]
    assert [it["current"] for it in shown] == [False, False, True]
    assert shown[1]["user_agent"] == "Telephone/1"
    one = shown[1]["id"]
    for other in (one, str(uuid7()), "nonsense"):
        refused = await theirs.send("DELETE", f"{OWN}/sessions/{other}")
        assert (refused.status, refused.code) == (404, "NOT_FOUND")
    assert (await ada.send("DELETE", f"{OWN}/sessions/{one}")).data == {"ended": 1}
    assert (await second.get(OWN)).code == "UNAUTHENTICATED"
    assert (await ada.send("DELETE", f"{OWN}/sessions/{one}")).status == 404
    assert (await third.get(OWN)).status == 200
    assert (await ada.post(f"{OWN}/sessions/end-others")).data == {"ended": 1}
    assert (await third.get(OWN)).code == "UNAUTHENTICATED"
    assert (await ada.get(OWN)).status == 200
    assert (await theirs.get(OWN)).status == 200
    assert (await place.actions()).count("auth.session_revoked") == 2


@pytest.mark.parametrize("deed", ["end", "disable", "delete", "reset"])
async def test_another_process_knows_within_a_second(
    place: Place, ada: Caller, elsewhere: Platform, deed: str
) -> None:
    """Promise 6: signed out there as well, whoever ended it and how."""
    owner = await place.house.user(place.tenant)
    assert ada.token is not None
    tenant = await elsewhere.directory.with_id(place.tenant.id)
    assert await knows(elsewhere, tenant, ada.token)
    if deed == "end":
        other = await place.signed_in(ADA)
        assert (await other.post(f"{OWN}/sessions/end-others")).status == 200
    elif deed == "disable":
        assert (await owner.post(f"users/{ada.actor_id}/disable")).status == 200
    elif deed == "delete":
        await owner.send("DELETE", f"users/{ada.actor_id}")
    else:
        await place.visitor().post("auth/forgot-password", {"email": ADA})
        body = {"token": await place.token(ADA), "password": "a lantern by the lake"}
        assert (await place.visitor().post("auth/reset-password", body)).status == 200
    for _ in range(50):  # a second at most
        if not await knows(elsewhere, tenant, ada.token):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it goes on there")


async def knows(platform: Platform, tenant: Tenant, token: str) -> bool:
    """Whether a process lets somebody in with a token."""
    try:
        await platform.authenticator.actor(tenant, token)
    except Unauthenticated:
        return False
    return True


async def test_a_new_address_is_confirmed_where_it_is_read(
    place: Place, ada: Caller
) -> None:
    """S0-19: the old one hears of it before and after; its links open nothing more."""
    await place.visitor().post("auth/forgot-password", {"email": ADA})
    old_link = await place.token(ADA)
    assert (await ada.post(f"{OWN}/email", {"email": NEW})).status == 202
    assert (await ada.get(OWN)).data["email"] == ADA
    assert (await place.subjects(ADA))[-1] == (
        "Your address at Acme & Co is about to change"
    )
    token = await place.token(NEW)
    visitor = place.visitor()
    answers = await asyncio.gather(
        *(visitor.post("auth/confirm-email", {"token": token}) for _ in range(24))
    )
    assert sorted(it.status for it in answers) == [200, *[410] * 23]
    assert (await ada.get(OWN)).data["email"] == NEW
    assert (await place.subjects(ADA))[-1] == "A change to your account at Acme & Co"
    late = {"token": old_link, "password": "a lantern by the lake"}
    assert (await visitor.post("auth/reset-password", late)).code == "TOKEN_INVALID"
    assert (await place.login(ADA)).code == "INVALID_CREDENTIALS"
    assert (await place.login(NEW)).status == 200


async def test_an_address_of_somebody_else_is_answered_alike(
    place: Place, ada: Caller
) -> None:
    """S0-19, pitfall 25: whoever is signed in learns no more than a stranger."""
    await place.person("bob@people.test")
    known = await ada.post(f"{OWN}/email", {"email": "bob@people.test"})
    unknown = await ada.post(f"{OWN}/email", {"email": NEW})
    assert (
        (known.status, known.data)
        == (unknown.status, unknown.data)
        == (202, known.data)
    )
    assert await place.subjects("bob@people.test") == ["Your account at Acme & Co"]
    same = await ada.post(f"{OWN}/email", {"email": ADA})
    assert same.body["error"]["fields"].keys() == {"email"}


async def test_an_address_that_was_taken_meanwhile_is_not_taken_twice(
    place: Place, ada: Caller
) -> None:
    assert (await ada.post(f"{OWN}/email", {"email": NEW})).status == 202
    token = await place.token(NEW)
    await place.person(NEW)
    late = await place.visitor().post("auth/confirm-email", {"token": token})
    assert (late.status, late.code) == (422, "VALIDATION_ERROR")


async def test_a_session_that_somebody_found_open_changes_no_address(
    place: Place,
) -> None:
    """Whoever asks has proved lately who they are."""
    await place.person(ADA)
    ada = await place.signed_in(ADA)
    await place.rows(
        "UPDATE home__.sessions SET proved_at = now() - interval '1 hour'"
        " WHERE tenant_id = $1::text::uuid"
    )
    refused = await ada.post(f"{OWN}/email", {"email": NEW})
    assert (refused.status, refused.code) == (403, "STEP_UP_REQUIRED")


async def test_strangers_get_few_mails_by_this(place: Place, ada: Caller) -> None:
    """Nobody who is signed in writes to the world in our name."""
    answers = [
        await ada.post(f"{OWN}/email", {"email": f"{n}@elsewhere.test"})
        for n in range(6)
    ]
    assert [it.status for it in answers] == [*[202] * 5, 429]
    assert answers[-1].code == "TOO_MANY_MAILS"


async def test_a_wrong_password_proves_nothing(place: Place, ada: Caller) -> None:
    """S3-67."""
    body = {"current_password": PASSWORD[::-1], "password": "a lantern by the lake"}
    assert (await ada.post(f"{OWN}/password", body)).status == 422
    assert (await place.login(ADA)).status == 200
