"""What is known of people: consents, interactions, segments, the companies they are at."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from insula.apps.people.consents import Channel, may_send
from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.services.mail.models import SuppressionReason
from insula.kernel.services.mail.suppressing import suppress
from insula.kernel.tenancy.tenant import Tenant
from tests.apps.people.test_handles import faults, fresh
from tests.house import Caller, House

pytestmark = pytest.mark.anyio


async def allowed(house: House, tenant: Tenant, contact: Any, channel: str) -> bool:
    session = house.platform.open_session(tenant.home, tenant.id)
    nobody = Actor(ActorKind.system, None, tenant=tenant.id)
    ctx = Context(nobody, tenant=tenant, session=session)
    contact_id = parse_uuid(contact["id"])
    assert contact_id is not None
    async with house.platform.engine.work(ctx) as work:
        return await may_send(work, contact_id, Channel(channel), "offers")


async def test_consent_is_the_gate_and_withdrawing_shuts_every_channel_at_once(
    house: House, owner: Caller, tenant: Tenant
) -> None:
    """Apps 3.1 (5): granted for each channel, withdrawn for the purpose."""
    fields = {"email": fresh(), "phone": "+49 30 5550100"}
    contact = await owner.create("people/contacts", name="Ada", **fields)
    at = f"people/contacts/{contact['id']}"
    assert not await allowed(house, tenant, contact, "email")
    for channel in ("email", "sms"):
        body = {"channel": channel, "purpose": "offers", "evidence": {"form": "fair"}}
        await owner.post(f"{at}/grant-consent", body)
    assert await allowed(house, tenant, contact, "sms")
    ended = await owner.post(f"{at}/withdraw-consent", {"purpose": "offers"})
    assert (ended.data["channel"], ended.data["state"]) == (None, "withdrawn")
    old = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    late = {"channel": "email", "purpose": "offers", "at": old}
    await owner.post(f"{at}/grant-consent", late)
    assert not await allowed(house, tenant, contact, "email")
    assert not await allowed(house, tenant, contact, "sms")
    now = (await owner.get(f"{at}/consents")).data["consents"]
    assert [(it["channel"], it["state"]) for it in now] == [
        ("email", "withdrawn"),
        ("sms", "withdrawn"),
    ]
    ahead = {**late, "at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    refused = await owner.post(f"{at}/grant-consent", ahead)
    assert faults(refused.body) == [("at", "in_the_future")]


async def test_an_address_that_bounced_gets_nothing(
    house: House, owner: Caller, tenant: Tenant
) -> None:
    """Apps 3.1: campaigns' bounce becomes the handle's status."""
    email = fresh()
    contact = await owner.create("people/contacts", name="Ada", email=email)
    at = f"people/contacts/{contact['id']}"
    await owner.post(f"{at}/grant-consent", {"channel": "email", "purpose": "offers"})
    assert await allowed(house, tenant, contact, "email")
    await bounce(house, tenant, email)
    await house.work(tenant)
    assert not await allowed(house, tenant, contact, "email")
    (handle,) = (await owner.get(f"people/handles?contact_id={contact['id']}")).data
    assert handle["status"] == "bounced"


async def bounce(house: House, tenant: Tenant, email: str) -> None:
    session = house.platform.open_session(tenant.home, tenant.id)
    nobody = Actor(ActorKind.system, None, tenant=tenant.id)
    ctx = Context(nobody, tenant=tenant, session=session)
    async with house.platform.engine.work(ctx) as work:
        await suppress(work, email, SuppressionReason.bounce)


async def test_what_was_said_is_kept_with_its_kind_subject_content_and_channel(
    owner: Caller,
) -> None:
    """S3-40: the interactions of a contact."""
    contact = await owner.create("people/contacts", name="Ada")
    said = {"kind": "call", "subject": "Price", "content": "Too high", "channel": "tel"}
    made = await owner.create("people/interactions", contact_id=contact["id"], **said)
    assert {it: made[it] for it in said} == said
    assert made["at"]
    listed = await owner.get(f"people/interactions?contact_id={contact['id']}")
    assert [it["id"] for it in listed.data] == [made["id"]]


async def test_segments_find_their_contacts_or_have_them(owner: Caller) -> None:
    """Apps 3.1 (6): the filter language of lists, evaluated at use and countable."""
    source = fresh("segment")[:40]
    one, two = [
        await owner.create("people/contacts", name=it, source=source) for it in "AB"
    ]
    rule = {"name": source, "filter": f"source=={source}"}
    found = await owner.create("people/segments", **rule)
    chosen = await owner.create("people/segments", name=f"{source}!")
    those = {"contact_ids": [one["id"], two["id"], one["id"]]}
    added = await owner.post(f"people/segments/{chosen['id']}/add", those)
    assert added.data["count"] == 2
    await owner.send(
        "DELETE", f"people/contacts/{two['id']}", headers={"if-match": "*"}
    )
    for segment in (found, chosen):
        counted = await owner.get(f"people/segments/{segment['id']}/count")
        assert counted.data["count"] == 1
    bad = {"name": "x", "filter": "password==x"}
    assert faults((await owner.post("people/segments", bad)).body) == [
        ("filter", "invalid")
    ]
    wrong = await owner.post(f"people/segments/{found['id']}/add", those)
    assert wrong.code == "people.segment_has_filter"


async def test_a_company_is_no_part_of_itself(owner: Caller) -> None:
    whole = await owner.create("people/companies", name="Whole")
    part = await owner.create("people/companies", name="Part", parent_id=whole["id"])
    body = {"parent_id": part["id"]}
    refused = await owner.post(f"people/companies/{whole['id']}/move", body)
    assert refused.code == "people.company_part_of_itself"
