"""Beyond the home: links, support accesses, and people who know the portal alone."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Statement
from insula.kernel.foundation.ids import uuid7
from tests.house import House
from tests.kernel.services.contacts.visiting import CONTACTS, PORTAL, at_portal
from tests.kernel.services.privacy.canaries import EMAIL, NAME, superuser, traces
from tests.kernel.services.privacy.conftest import Nest, NestOf
from tests.kernel.services.privacy.office import Office
from tests.kernel.services.privacy.test_dossiers import dossier, texts
from tests.kernel.services.privacy.test_erasing import known_to_operators

pytestmark = pytest.mark.anyio

LINK = """
WITH made AS (INSERT INTO control.accounts (id) VALUES ($1) RETURNING id)
INSERT INTO control.account_members (id, account_id, tenant_id, user_id, email, proved_at)
SELECT t.id, made.id, t.tenant_id, t.user_id, $2, now()
  FROM made, unnest($3::uuid[], $4::uuid[], $5::uuid[]) AS t(id, tenant_id, user_id)
"""
DECIDE = """
INSERT INTO control.support_accesses (id, tenant_id, admin_id, operator, reason, kind,
       scope, hours, state, decided_at, decided_by)
VALUES ($1, $2, $3, 'ops@insula.test', $4, 'consent', 'read', 3, 'approved', now(), $5)
"""
HANGING = Statement(
    " UNION ALL ".join(
        f"SELECT DISTINCT '{what}' AS what, row_id FROM home__.{table}"
        " WHERE tenant_id = $1::text::uuid AND resource = 'people.contacts'"
        for what, table in (
            *(("tag", "taggings"), ("comment", "comments")),
            ("entry", "timeline_entries"),
        )
    )
)
MEMBERS = "SELECT tenant_id FROM control.account_members WHERE account_id = $1"


@pytest.fixture(autouse=True)
async def tidy(house: House) -> AsyncIterator[None]:
    """Others look for canaries in the control database, too."""
    yield
    for table in ("accounts", "support_accesses"):
        await house.platform.control.fetch(f"DELETE FROM control.{table}")


async def link(nest: Nest, twin: Nest) -> UUID:
    """Have the canaries of two tenants be one person, who let an operator in here."""
    control, account = nest.platform.control, uuid7()
    tenants = [nest.tenant.id, twin.tenant.id]
    people = [nest.person_id, twin.person_id]
    await control.fetch(LINK, account, EMAIL, [uuid7(), uuid7()], tenants, people)
    reason = f"{NAME} cannot sign in"
    values = uuid7(), nest.tenant.id, uuid7(), reason, nest.person_id
    await control.fetch(DECIDE, *values)
    return account


async def test_a_dossier_tells_of_links_and_of_operators_let_in(
    nest_of: NestOf,
) -> None:
    """S4-20: but not where else the person has an account, nor who the operator was."""
    nest, twin = await nest_of(), await nest_of()
    await link(nest, twin)
    made = texts(await dossier(nest))
    assert EMAIL in made["data/linked_account.jsonl"]
    assert '"decided":true' in made["data/support_accesses.jsonl"]
    everything = "".join(made.values())
    assert "ops@insula.test" not in everything
    assert str(twin.tenant.id) not in everything


async def test_an_erasure_reaches_what_operators_keep(
    house: House, nest_of: NestOf
) -> None:
    """S4-21, promise 21: the link goes on both sides, the access is about nobody."""
    nest, twin = await nest_of(), await nest_of()
    account = await link(nest, twin)
    assert await known_to_operators(house.platform) != {}
    office = Office(house, nest.tenant)
    owner = await office.somebody("owner")
    path = await office.request(nest.canary, "erasure")
    await office.ask(owner, f"{path}/approve")
    await office.erase(path)
    assert await known_to_operators(house.platform) == {}
    assert await house.platform.control.fetch(MEMBERS, account) == []


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_a_contact_is_erased_with_the_account_at_the_portal(
    house: House, isolation: Isolation
) -> None:
    """S4-21: sign-ins and mails too; the row stays under a pseudonym."""
    office = Office(house, await house.tenant(isolation))
    asks, owner = await office.somebody("owner"), await office.somebody("owner")
    visitor = await at_portal(house, office.tenant, owner, name=NAME, email=EMAIL)
    contact_id = (await visitor.get(f"{PORTAL}/me")).data["user"]["id"]
    whom = {"subject": "contacts", "subject_id": contact_id}
    path = await office.request(asks, "erasure", **whom)
    await office.ask(owner, f"{path}/approve")
    await office.erase(path)
    assert (await owner.get(path)).data["state"] == "done"
    assert (await visitor.get(f"{PORTAL}/me")).status == 401
    renewed = {"refresh_token": visitor.headers["x-refresh"]}
    assert (await visitor.post(f"{PORTAL}/refresh", renewed)).status == 401
    async with superuser(house.platform.cluster, office.tenant) as connection:
        assert await traces(connection, office.tenant.id) == {}
    shown = await owner.get(f"{CONTACTS}/{contact_id}")
    assert NAME not in str(shown.body)


async def test_what_hangs_on_an_erased_contact_goes_with_it(house: House) -> None:
    """What was said of them, their tags, their timeline; not what others have."""
    office = Office(house, await house.tenant())
    asks, owner = await office.somebody("owner"), await office.somebody("owner")
    left, kept = [
        (await owner.post("people/contacts", {"name": name})).data["id"]
        for name in (NAME, "Somebody Else")
    ]
    for key in (left, kept):
        await owner.post(f"people/contacts/{key}/comments", {"text": f"On {NAME}"})
        await owner.post(f"people/contacts/{key}/tags", {"tags": ["vip"]})
    await house.work(office.tenant)
    whom = {"subject": "people_contacts", "subject_id": left}
    path = await office.request(asks, "erasure", **whom)
    await office.ask(owner, f"{path}/approve")
    await office.erase(path)
    assert (await owner.get(path)).data["state"] == "done"
    session = house.platform.open_session(office.tenant.home, office.tenant.id)
    async with session.transaction() as transaction:
        rows = await transaction.fetch(HANGING)
    assert {(row["what"], str(row["row_id"])) for row in rows} == {
        *(("tag", kept), ("comment", kept), ("entry", kept))
    }
    [said] = (await owner.get(f"people/contacts/{kept}/comments")).data
    assert NAME not in said["text"]
