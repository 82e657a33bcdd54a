"""Mails: sent at once or gathered once a day, to who wants them and nobody else."""

from typing import Any

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.resource.notification import NotificationKind, Wish
from insula.kernel.services.notifications import digests, notifying
from insula.kernel.services.notifications.digests import send_digests
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House
from tests.kernel.services.notifications.telling import (
    ASSIGNED,
    DUE,
    QUIET,
    SPEAK,
    id_of,
    number_of,
    tell,
    work_of,
)

pytestmark = pytest.mark.anyio
MAILS = Statement(
    "SELECT count(*) FROM home__.mails WHERE tenant_id = $1::text::uuid"
    " AND template = 'mail.notice'"
)
JOBS = Statement(
    "SELECT count(*) FROM home__.jobs WHERE tenant_id = $1::text::uuid"
    " AND task = 'mail.send'"
)
LOUD = NotificationKind("testing.loud", {"en": "Loud"}, Wish(mail=True))


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The mails that were asked for, in place of the mail service."""
    asked: list[dict[str, Any]] = []

    async def send_mail(_: object, **mail: Any) -> None:
        asked.append(mail)

    monkeypatch.setattr(notifying, "send_mail", send_mail)
    monkeypatch.setattr(digests, "send_mail", send_mail)
    return asked


async def gather(house: House, tenant: Tenant) -> None:
    """Do the day's work."""
    async with work_of(house, tenant) as work:
        await send_digests(work)


async def test_a_mail_goes_to_who_wants_one(
    house: House, post: list[dict[str, Any]]
) -> None:
    tenant = await house.tenant()
    user, other = await house.user(tenant), await house.user(tenant)
    wishes = [{"pattern": "*", "in_app": True, "mail": False}]
    chosen = await other.post("notification-preferences", {"preferences": wishes})
    assert chosen.status == 200
    message = {"title": "Look", "body": "There", "link": "/maintenance/assets/7"}
    await tell(house, tenant, user, other, kind=LOUD, cause="7", **message)
    await tell(house, tenant, user, other, kind=LOUD, cause="7", **message)
    [mail] = post
    assert (mail["template"], mail["heading"], mail["body"]) == (
        "mail.notice",
        "Look",
        "There",
    )
    assert mail["link"] == f"https://{tenant.domain}/maintenance/assets/7"
    assert mail["to"].endswith(f"@{tenant.slug}.test")


async def test_the_mail_and_its_job_commit_with_the_notification(house: House) -> None:
    """D6: through the mail service itself; once, though it is asked for twice."""
    tenant = await house.tenant()
    user = await house.user(tenant)
    for _ in range(2):
        await tell(house, tenant, user, kind=LOUD, cause="7")
    assert await number_of(house, tenant, MAILS) == 1
    assert await number_of(house, tenant, JOBS) == 1


async def test_without_a_wish_for_mail_there_is_none(
    house: House, post: list[dict[str, Any]]
) -> None:
    tenant = await house.tenant()
    await tell(house, tenant, await house.user(tenant), kind=ASSIGNED)
    assert post == []


async def test_a_days_notifications_are_one_mail(
    house: House, post: list[dict[str, Any]]
) -> None:
    """Sent once, though the schedule may run again; the other tenant has its own."""
    tenant, other = await house.tenant(), await house.tenant()
    user, stranger = await house.user(tenant), await house.user(other)
    async with work_of(house, tenant) as work:
        await work.transaction.fetch(SPEAK, id_of(user), "de")
    for title in ("One", "Two"):
        await tell(house, tenant, user, kind=QUIET, title=title)
    await tell(house, other, stranger, kind=QUIET, title="Theirs")
    assert post == []
    for _ in range(2):
        await gather(house, tenant)
    [mail] = post
    assert mail["heading"] == "2 Benachrichtigungen"
    assert mail["body"] == "• One\n• Two"
    assert mail["link"] == f"https://{tenant.domain}/notifications"
    assert await number_of(house, tenant, DUE) == 0
    assert await number_of(house, other, DUE) == 1


async def test_a_long_days_mail_is_bounded(
    house: House, post: list[dict[str, Any]]
) -> None:
    tenant = await house.tenant()
    user = await house.user(tenant)
    for at in range(digests.MOST_LINES + 2):
        await tell(house, tenant, user, kind=QUIET, title=f"N{at}")
    await gather(house, tenant)
    [mail] = post
    assert mail["heading"] == f"{digests.MOST_LINES + 2} notifications"
    assert len(mail["body"].split("\n")) == digests.MOST_LINES + 1
