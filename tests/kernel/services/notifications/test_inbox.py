"""The inbox: one's own notifications, and nobody else's, in every mode."""

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.foundation.ids import uuid7
from tests.house import House
from tests.kernel.events.live.hearing import listening, relay
from tests.kernel.services.notifications.telling import (
    ASSIGNED,
    COUNT,
    id_of,
    number_of,
    tell,
)

pytestmark = pytest.mark.anyio
PATH = "notifications"


@pytest.mark.parametrize("mode", list(Isolation))
async def test_a_user_sees_their_own_notifications_alone(
    house: House, mode: Isolation
) -> None:
    """Not even an owner reads another's; another tenant's user is passed over."""
    tenant, other = await house.tenant(mode), await house.tenant(mode)
    owner, user = await house.user(tenant), await house.user(tenant, "viewer")
    stranger = await house.user(other)
    assert await tell(house, tenant, user, stranger, title="Yours", link="/x") == 1
    [shown] = (await user.get(PATH)).data
    assert (shown["title"], shown["link"], shown["kind"]) == (
        "Yours",
        "/x",
        ASSIGNED.name,
    )
    for nosy in (owner, stranger):
        assert (await nosy.get(PATH)).data == []
        refused = await nosy.post(f"{PATH}/{shown['id']}/read")
        nobodys = await nosy.post(f"{PATH}/{uuid7()}/read")
        assert (refused.status, refused.code) == (nobodys.status, nobodys.code)
        assert refused.status == 404


async def test_the_newest_come_first_page_by_page(house: House) -> None:
    tenant = await house.tenant()
    user = await house.user(tenant)
    for at in range(5):
        await tell(house, tenant, user, title=f"N{at}")
    page = await user.get(f"{PATH}?per_page=2")
    assert page.body["meta"]["unread"] == 5
    found = [it["title"] for it in page.data]
    while page.body["links"]["next"]:
        page = await user.get(page.body["links"]["next"])
        found += [it["title"] for it in page.data]
    assert found == ["N4", "N3", "N2", "N1", "N0"]


async def test_what_was_read_is_read_once(house: House) -> None:
    tenant = await house.tenant()
    user = await house.user(tenant)
    await tell(house, tenant, user)
    await tell(house, tenant, user)
    first = (await user.get(PATH)).data[0]
    read = (await user.post(f"{PATH}/{first['id']}/read")).data
    assert read["read_at"] is not None
    assert (await user.post(f"{PATH}/{first['id']}/read")).data == read
    unread = await user.get(f"{PATH}?unread=true")
    assert (len(unread.data), unread.body["meta"]["unread"]) == (1, 1)
    assert (await user.get(f"{PATH}?unread=false")).data == [read]


async def test_everything_is_read_up_to_what_was_seen(house: House) -> None:
    tenant = await house.tenant()
    user, other = await house.user(tenant), await house.user(tenant)
    for at in range(3):
        await tell(house, tenant, user, other, title=f"N{at}")
    seen = (await user.get(PATH)).data[1]
    assert (await user.post(f"{PATH}/read-all", {"until": seen["id"]})).data == {
        "read": 2
    }
    assert (await user.get(PATH)).body["meta"]["unread"] == 1
    assert (await user.post(f"{PATH}/read-all", {})).data == {"read": 1}
    assert (await other.get(PATH)).body["meta"]["unread"] == 3


@pytest.mark.parametrize(
    "query", ["per_page=0", "per_page=101", "per_page=x", "cursor=x", "unread=maybe"]
)
async def test_an_odd_question_is_refused(house: House, query: str) -> None:
    """Promise 15."""
    user = await house.user(await house.tenant())
    answer = await user.get(f"{PATH}?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")


async def test_a_notification_arrives_at_its_user_at_once(house: House) -> None:
    """S2-90: the event names the row; nobody else hears even that."""
    tenant = await house.tenant()
    owner, user = await house.user(tenant), await house.user(tenant, "customer")
    async with listening(house, user) as ear, listening(house, owner) as other:
        await tell(house, tenant, user, title="Secret")
        await relay(house, tenant)
        [event] = await ear.until(1)
        await tell(house, tenant, owner)
        await relay(house, tenant)
        [theirs] = await other.until(1)
    assert event["name"] == "notification.created"
    assert event["resource_id"] == str(id_of(user))
    assert event["data"] == {"id": (await user.get(PATH)).data[0]["id"]}
    assert theirs["resource_id"] == str(id_of(owner))
    assert b"Secret" not in ear.text + other.text
    assert await number_of(house, tenant, COUNT) == 2
