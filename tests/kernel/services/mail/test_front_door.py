"""Mail through the front door: what a tenant's people see of it, and what they do not."""

from typing import Any

import pytest

from insula.kernel.database.home import Isolation
from tests.house import House

SENDER = {"address": "office@acme.test", "name": "Acme"}


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_a_test_is_in_the_log_of_its_tenant_alone(
    house: House, isolation: Isolation
) -> None:
    """S0-56: in every mode, another tenant finds, counts and changes nothing of it."""
    mine = await house.user(await house.tenant(isolation, apps=()))
    theirs = await house.user(await house.tenant(isolation, apps=()))
    asked = await mine.post("mails/test")
    assert asked.status == 202
    mail_id = asked.data["mail_id"]
    (listed,) = (await mine.get("mails")).data
    assert (listed["id"], listed["template"]) == (mail_id, "mail.test")
    assert (await theirs.get("mails")).data == []
    foreign = await theirs.get(f"mails/{mail_id}")
    assert (foreign.status, foreign.code) == (404, "NOT_FOUND")


async def test_nobody_writes_the_log_by_hand(house: House) -> None:
    owner = await house.user(await house.tenant(apps=()))
    mail_id = (await owner.post("mails/test")).data["mail_id"]
    assert (await owner.post("mails", {"recipient": "a@b.test"})).status == 405
    assert (await owner.patch(f"mails/{mail_id}", {"state": "sent"})).status == 405
    assert (await owner.send("DELETE", f"mails/{mail_id}")).status == 405


async def test_an_address_is_suppressed_listed_and_freed(house: House) -> None:
    owner = await house.user(await house.tenant(apps=()))
    made = await owner.create("mail-suppressions", address="Ada@PEOPLE.test")
    assert (made["address"], made["reason"]) == ("Ada@people.test", "manual")
    assert "key" not in made
    (listed,) = (await owner.get("mail-suppressions")).data
    assert listed["id"] == made["id"]
    gone = await owner.send("DELETE", f"mail-suppressions/{made['id']}")
    assert gone.status == 200
    assert (await owner.get("mail-suppressions")).data == []


async def test_a_sender_shows_its_record_and_never_its_key(house: House) -> None:
    owner = await house.user(await house.tenant(apps=()))
    made = await owner.create("mail-senders", **SENDER)
    assert made["record_name"] == "insula._domainkey.acme.test"
    assert made["record"].startswith("v=DKIM1; k=rsa; p=")
    assert made["verified_at"] is None
    shown = (await owner.get(f"mail-senders/{made['id']}")).data
    assert shown.keys() == made.keys()
    assert "sealed_key" not in shown
    again = await owner.post("mail-senders", SENDER)
    assert again.status in (409, 422)
    verify = await owner.post(f"mail-senders/{made['id']}/verify")
    assert verify.status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "office"},
        {"address": "a@b.test\r\nBcc: c@d.test"},
        {"name": "Acme\r\nBcc: c@d.test"},
        {"reply_to": "a@b.test, c@d.test"},
        {"verified_at": "2026-01-01T00:00:00Z"},
        {"sealed_key": "x"},
    ],
)
async def test_a_sender_that_is_malformed_is_refused(
    house: House, wrong: dict[str, Any]
) -> None:
    """PITFALLS 37: no header is made of a name."""
    owner = await house.user(await house.tenant(apps=()))
    refused = await owner.post("mail-senders", {**SENDER, **wrong})
    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
    (field,) = wrong
    assert field in refused.body["error"]["fields"]


async def test_who_may_not_is_told_so(house: House) -> None:
    viewer = await house.user(await house.tenant(apps=()), "viewer")
    for path, body in (
        ("mail-senders", SENDER),
        ("mail-suppressions", {"address": "ada@people.test"}),
        ("mails/test", None),
    ):
        assert (await viewer.post(path, body)).status == 403
