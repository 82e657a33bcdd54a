"""Provisioning by webhook: signed, tolerant of repetition, and never twice."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook

from insula.kernel.database.session import Statement
from insula.kernel.events.webhooks.signing import new_secret
from insula.kernel.foundation.clock import now
from insula.kernel.services.webhooks.inbound import PATH
from insula.kernel.services.webhooks.inbound_sources import (
    InboundSources,
    SourceTaken,
    SourceUnknown,
)
from tests.house import Answer, House

USERS = Statement(
    "SELECT email, roles FROM home__.users WHERE tenant_id = $1::text::uuid"
)


@dataclass
class Portal:
    """A shop outside that sells organisations here, and signs with its secret."""

    house: House
    secret: str
    name: str

    async def send(
        self,
        body: Mapping[str, Any],
        *,
        key: str | None = None,
        at: datetime | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a message, signed by the official library unless ``headers`` differ."""
        text = json.dumps(body)
        key, at = key or f"msg_{secrets.token_hex(8)}", at or now()
        signed = {
            "webhook-id": key,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(key, at, text),
            "content-type": "application/json",
        }
        admin = f"admin.{self.house.platform.settings.base_domain}"
        caller = self.house.caller(admin)
        return await caller.send(
            "POST", PATH, content=text, headers=signed | dict(headers or {})
        )


def sources(house: House) -> InboundSources:
    """The sources of the house."""
    return InboundSources(house.platform.control, house.platform.sealer)


@pytest.fixture
async def portal(house: House) -> Portal:
    """A source that is known here."""
    name = f"portal-{secrets.token_hex(4)}"
    return Portal(house, await sources(house).add(name), name)


def organization(**more: Any) -> dict[str, Any]:
    """What a portal asks for."""
    slug = f"p-{secrets.token_hex(5)}"
    owner = {"owner_email": f"ada@{slug}.test", "owner_name": "Ada"}
    return {"slug": slug, "name": "Portal & Co", **owner} | more


async def tenants(house: House, slug: str) -> int:
    """How many tenants have this slug."""
    return len(await house.platform.provisioning.list(search=slug))


@pytest.mark.parametrize("isolation", ["shared", "schema", "database"])
async def test_a_signed_message_makes_a_tenant_with_its_owner(
    house: House, portal: Portal, isolation: str
) -> None:
    """S4-35, S4-36, S4-37: the tenant, its migrated home, and its owner's account."""
    body = organization(isolation=isolation)
    made = await portal.send(body)
    assert (made.status, made.data["slug"]) == (201, body["slug"])
    assert made.data["state"] == "active"
    assert made.data["isolation"] == isolation
    tenant = await house.platform.directory.with_id(UUID(made.data["id"]))
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        rows = await transaction.fetch(USERS)
    assert [row["email"] for row in rows] == [body["owner_email"]]
    assert b"owner" in bytes(rows[0]["roles"])


async def test_the_same_message_again_has_the_same_answer(
    house: House, portal: Portal
) -> None:
    """S4-38: idempotent by its id."""
    body = organization()
    first = await portal.send(body, key="msg_once")
    again = await portal.send(body, key="msg_once")
    assert (first.status, again.status) == (201, 201)
    assert first.data == again.data
    assert await tenants(house, body["slug"]) == 1


async def test_another_body_under_the_same_id_is_refused(portal: Portal) -> None:
    """S4-38."""
    await portal.send(organization(), key="msg_two")
    other = await portal.send(organization(), key="msg_two")
    assert (other.status, other.code) == (422, "WEBHOOK_MESSAGE_CHANGED")


async def test_twenty_equal_messages_at_once_make_one_tenant(
    house: House, portal: Portal
) -> None:
    """S4-38: whichever comes first does it, and all have its answer."""
    body = organization()
    sent = (portal.send(body, key="msg_many") for _ in range(20))
    answers = await asyncio.gather(*sent)
    assert {it.status for it in answers} == {201}
    assert len({it.data["id"] for it in answers}) == 1
    assert await tenants(house, body["slug"]) == 1


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"webhook-signature": "v1,AAAA"}, "WEBHOOK_SIGNATURE_INVALID"),
        ({"webhook-signature": ""}, "WEBHOOK_SIGNATURE_INVALID"),
        ({"webhook-id": "msg_other"}, "WEBHOOK_SIGNATURE_INVALID"),
        ({"webhook-timestamp": "soon"}, "WEBHOOK_TIMESTAMP_INVALID"),
    ],
)
async def test_a_badly_signed_message_is_refused(
    house: House, portal: Portal, headers: Mapping[str, str], code: str
) -> None:
    """S4-38: authenticated by its signature."""
    body = organization()
    answer = await portal.send(body, headers=headers)
    assert (answer.status, answer.code) == (401, code)
    assert await tenants(house, body["slug"]) == 0


@pytest.mark.parametrize("shift", [timedelta(minutes=-6), timedelta(minutes=6)])
async def test_an_old_or_early_message_is_refused(
    portal: Portal, shift: timedelta
) -> None:
    """S4-38: what was recorded cannot be played back later."""
    answer = await portal.send(organization(), at=now() + shift)
    assert (answer.status, answer.code) == (401, "WEBHOOK_TIMESTAMP_INVALID")


async def test_a_stranger_and_a_removed_source_are_refused(
    house: House, portal: Portal
) -> None:
    stranger = Portal(house, new_secret(), "stranger")
    assert (await stranger.send(organization())).status == 401
    await sources(house).remove(portal.name)
    assert (await portal.send(organization())).status == 401


async def test_a_wrong_body_is_told_to_the_sender_alone_who_signed(
    portal: Portal,
) -> None:
    answer = await portal.send({"slug": "x", "nonsense": 1})
    assert answer.status == 422
    unsigned = await portal.send({"slug": "x"}, headers={"webhook-signature": "v1,"})
    assert unsigned.status == 401


async def test_a_taken_slug_is_a_conflict_and_the_message_may_come_again(
    house: House, portal: Portal
) -> None:
    body = organization()
    await portal.send(body)
    assert (await portal.send(body, key="msg_late")).code == "SLUG_TAKEN"
    view = await house.platform.provisioning.find(body["slug"])
    await house.platform.provisioning.delete_now(view.id)
    assert (await portal.send(body, key="msg_late")).status == 201


async def test_a_message_that_is_done_never_makes_a_deleted_tenant_again(
    house: House, portal: Portal
) -> None:
    body = organization()
    made = await portal.send(body, key="msg_done")
    view = await house.platform.provisioning.find(body["slug"])
    await house.platform.provisioning.delete_now(view.id)
    assert (await portal.send(body, key="msg_done")).status == 404
    assert made.status == 201
    assert await tenants(house, body["slug"]) == 0


async def test_both_secrets_of_a_source_are_good_for_a_day(house: House) -> None:
    """S4-38: rotation without a gap."""
    moment = now()
    known = InboundSources(
        house.platform.control, house.platform.sealer, clock=lambda: moment
    )
    name = f"portal-{secrets.token_hex(4)}"
    old = await known.add(name)
    new = await known.rotate(name)
    for hours, good in ((0, [old, new]), (23, [old, new]), (25, [new])):
        moment = now() + timedelta(hours=hours)
        mine = [it for it in await known._all(moment) if new in it.keys]
        assert set(mine[0].keys) == set(good)


async def test_the_secrets_of_sources_are_sealed(house: House, portal: Portal) -> None:
    rows = await house.platform.control.fetch(
        "SELECT s::text AS row FROM control.inbound_sources s"
    )
    assert not [row for row in rows if "whsec_" in row["row"]]
    assert not [row for row in rows if portal.secret[6:] in row["row"]]


async def test_a_source_is_added_once_and_removed_once(house: House) -> None:
    name = f"portal-{secrets.token_hex(4)}"
    await sources(house).add(name)
    with pytest.raises(SourceTaken):
        await sources(house).add(name)
    assert name in [it.name for it in await sources(house).list()]
    await sources(house).remove(name)
    for deed in (sources(house).remove, sources(house).rotate):
        with pytest.raises(SourceUnknown):
            await deed(name)
