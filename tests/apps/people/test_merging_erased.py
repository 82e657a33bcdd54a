"""Erasing a person erases the rows that were merged into theirs."""

import pytest

from tests.apps.people.test_erasing import rows
from tests.house import House
from tests.kernel.services.privacy.office import Office

pytestmark = pytest.mark.anyio


async def test_what_was_merged_into_somebody_is_erased_with_them(house: House) -> None:
    """apps.md 3.1 (8): also their other names, in the trash and in what merging kept."""
    tenant = await house.tenant(apps=())
    office, owner = Office(house, tenant), await house.user(tenant)
    one = await owner.create("people/contacts", name="Canaryana Finch")
    old = {"name": "Sparrowina Wren", "street": "7 Perchgasse"}
    two = await owner.create("people/contacts", **old)
    merge = await owner.post(f"people/contacts/{one['id']}/merge", {"from": two["id"]})
    assert merge.status == 200
    await house.work(tenant)
    subject = {"subject": "people_contacts", "subject_id": one["id"]}
    path = await office.request(owner, "erasure", **subject)
    await office.ask(owner, f"{path}/approve")
    await office.erase(path)
    await house.work(tenant)
    for table in ("people_contacts", "merges", "audit_log", "outbox"):
        text = "".join(await rows(house, tenant, table)).lower()
        left = [it for it in ("canaryana", "sparrowina", "perchgasse") if it in text]
        assert not left, (table, left)
