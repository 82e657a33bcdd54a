"""Preferences: each user is told of each kind as they wish."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from insula.kernel.events.stored import StoredEvent
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.notification import (
    KindError,
    NotificationKind,
    Wish,
    spoken,
)
from insula.kernel.services.notifications.kinds import Kinds, wish_for
from insula.kernel.services.notifications.notifying import Message, telling
from tests.house import House
from tests.kernel.services.notifications.telling import (
    ASSIGNED,
    DUE,
    HIDDEN,
    QUIET,
    SPEAK,
    id_of,
    number_of,
    tell,
    work_of,
)

pytestmark = pytest.mark.anyio
PATH = "notification-preferences"
NO, YES = Wish(in_app=False), Wish(mail=True)


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({}, ASSIGNED.usual),
        ({"*": NO}, NO),
        ({"testing.*": YES, "*": NO}, YES),
        ({"testing.assigned": NO, "testing.*": YES, "*": YES}, NO),
        ({"testing.other": NO, "test.*": NO}, ASSIGNED.usual),
    ],
)
def test_the_nearest_wish_decides(wishes: Mapping[str, Wish], expected: Wish) -> None:
    assert wish_for(ASSIGNED, wishes) == expected


def test_kinds_have_names_of_their_own() -> None:
    assert [it.name for it in Kinds([QUIET, ASSIGNED])] == [
        "testing.assigned",
        "testing.quiet",
    ]
    with pytest.raises(KindError):
        Kinds([ASSIGNED, NotificationKind("testing.assigned", {"en": "Again"})])
    for name in ("assigned", "a..b", "A.b", "a.b.c.d", "a." + "b" * 64):
        with pytest.raises(KindError):
            NotificationKind(name, {"en": "x"})
    with pytest.raises(KindError):
        NotificationKind("testing.foreign", {"de": "x"})


@pytest.mark.parametrize("link", ["https://evil.test", "//evil.test", "/\\evil", ""])
def test_a_link_leads_into_the_console(link: str) -> None:
    with pytest.raises(ValueError, match="path of the console"):
        Message(title="x", link=link)


def test_a_text_is_spoken_in_the_nearest_language() -> None:
    text = {"en": "one", "de": "eins"}
    languages = ("de-AT", "de", "en-GB", "fr", "")
    assert [spoken(text, it) for it in languages] == [
        "eins",
        "eins",
        "one",
        "one",
        "one",
    ]


async def test_preferences_are_replaced_as_a_whole(house: House) -> None:
    user = await house.user(await house.tenant())
    for wishes in (
        [{"pattern": "*", "in_app": False, "mail": False, "digest": "none"}],
        [{"pattern": "*", "in_app": True, "mail": True, "digest": "daily"}],
        [],
    ):
        told = await user.post(PATH, {"preferences": wishes})
        assert told.data["preferences"] == wishes
        assert (await user.get(PATH)).data["preferences"] == wishes


@pytest.mark.parametrize("patterns", [["nobody.*"], ["*", "*"], ["x" * 65], ["a b"]])
async def test_an_unknown_kind_cannot_be_chosen(
    house: House, patterns: list[str]
) -> None:
    user = await house.user(await house.tenant())
    wishes = [{"pattern": it} for it in patterns]
    refused = await user.post(PATH, {"preferences": wishes})
    assert refused.status == 422


async def test_who_wants_none_gets_none(house: House) -> None:
    tenant = await house.tenant()
    user, other = await house.user(tenant), await house.user(tenant)
    wishes = [{"pattern": "*", "in_app": False}]
    await user.post(PATH, {"preferences": wishes})
    assert await tell(house, tenant, user, other) == 1
    assert (await user.get("notifications")).data == []
    assert await tell(house, tenant, other, kind=HIDDEN) == 0


async def test_a_gathered_mail_waits_for_its_day(house: House) -> None:
    tenant = await house.tenant()
    user = await house.user(tenant)
    await tell(house, tenant, user, kind=QUIET)
    assert await number_of(house, tenant, DUE) == 1
    assert len((await user.get("notifications")).data) == 1


async def test_each_is_told_in_their_language(house: House) -> None:
    tenant = await house.tenant()
    german, english = await house.user(tenant), await house.user(tenant)
    async with work_of(house, tenant) as work:
        await work.transaction.fetch(SPEAK, id_of(german), "de-AT")
    await tell(house, tenant, german, english, title={"en": "Look", "de": "Schau"})
    assert (await german.get("notifications")).data[0]["title"] == "Schau"
    assert (await english.get("notifications")).data[0]["title"] == "Look"


def down(name: str) -> StoredEvent:
    """An asset is down."""
    moment, data = datetime.now(UTC), {"name": name}
    facts = uuid7(), "maintenance.asset.down", 1, 7, moment
    return StoredEvent(*facts, resource_id=uuid7(), actor_id=None, data=data)


async def test_a_role_is_told_of_an_event_once(house: House) -> None:
    """A reaction may run again: nobody is told twice."""
    tenant = await house.tenant()
    viewer, other = await house.user(tenant, "viewer"), await house.user(tenant)
    run = telling(
        ASSIGNED,
        roles=("viewer", "nobody"),
        title="{name} is down{missing}",
        link=lambda event: f"/maintenance/assets/{event.resource_id}",
    )
    event = down("Pump {0.__class__}")
    for _ in range(3):
        async with work_of(house, tenant) as work:
            await run(work, event)
    [shown] = (await viewer.get("notifications")).data
    assert shown["title"] == "Pump {0.__class__} is down"
    assert shown["event_id"] == str(event.id)
    assert shown["link"] == f"/maintenance/assets/{event.resource_id}"
    assert (await other.get("notifications")).data == []
