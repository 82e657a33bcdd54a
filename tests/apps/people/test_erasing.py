"""A contact who is forgotten leaves nothing: neither here nor at the portal."""

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.services.privacy.office import Office

pytestmark = pytest.mark.anyio

TABLES = (
    "people_handles",
    "people_consents",
    "people_interactions",
    "people_segment_members",
    "contacts",
)


async def rows(house: House, tenant: Tenant, table: str) -> list[str]:
    session = house.platform.open_session(tenant.home, tenant.id)
    text = (
        f"SELECT row_to_json(r)::text FROM home__.{table} r"  # ours
        " WHERE tenant_id = $1::text::uuid"
    )
    async with session.transaction() as transaction:
        return [row[0] for row in await transaction.fetch(Statement(text))]


async def test_erasing_a_contact_erases_all_that_is_known_of_them(
    house: House,
) -> None:
    """Apps 3.1 (8): erasure follows the registry, through the front door."""
    tenant = await house.tenant(apps=())
    office = Office(house, tenant)
    owner = await house.user(tenant)
    contact = await known(owner)
    await house.work(tenant)
    subject = {"subject": "people_contacts", "subject_id": contact}
    path = await office.request(owner, "erasure", **subject)
    await office.ask(owner, f"{path}/approve")
    await office.erase(path)
    await house.work(tenant)
    assert {it: await rows(house, tenant, it) for it in TABLES} == {
        it: [] for it in TABLES
    }
    for table in ("people_contacts", "audit_log", "outbox", "mails", "jobs"):
        text = "".join(await rows(house, tenant, table)).lower()
        assert "canaryana" not in text, table
        assert "5550999" not in text, table
    (left,) = await rows(house, tenant, "people_contacts")
    assert contact in left


async def known(owner: Caller) -> str:
    """A contact of whom everything is kept; their id."""
    segment = await owner.create("people/segments", name="S")
    fields = {"email": "canaryana@mail.test", "phone": "+49 30 5550999"}
    made = await owner.create("people/contacts", name="Canaryana Finch", **fields)
    at = f"people/contacts/{made['id']}"
    whose = {"contact_id": made["id"]}
    text = {"subject": "Canaryana called", "content": "of canaryana@mail.test"}
    await owner.create("people/interactions", kind="call", **whose, **text)
    await owner.post(
        f"people/segments/{segment['id']}/add", {"contact_ids": [made["id"]]}
    )
    said = {"form": "Canaryana Finch"}
    body = {"channel": "email", "purpose": "offers", "evidence": said}
    await owner.post(f"{at}/grant-consent", body)
    toot = {"kind": "mastodon", "value": "@canaryana@social.test"}
    await owner.post(f"{at}/add-handle", toot)
    assert (await owner.post(f"{at}/invite")).status == 200
    return str(made["id"])
