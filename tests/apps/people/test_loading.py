"""Contacts come in as files, with the handles that are theirs."""

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.apps.people.test_handles import fresh, handles_of
from tests.house import Caller, House
from tests.kernel.services.importing.wizard import Wizard

pytestmark = pytest.mark.anyio
CONTACTS = "people.contacts"


async def test_contacts_are_imported_by_what_their_file_calls_things(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """S2-32, apps 3.1 (4): known names of columns, companies by name, a match key."""
    wizard = Wizard(house, tenant, owner)
    await owner.create("people/companies", name="Northwind")
    ada, eve = fresh(), fresh("eve")
    head = "Full name,E-mail,Telephone,Company,Lead source\n"
    rows = f"Ada,{ada.upper()},+49 30 777001,Northwind,fair\nEve,{eve},,,web\n"
    done = await wizard.load(
        head + rows + f"Twin,{ada},,,\nBad,no mail,,,\n", CONTACTS, match="email"
    )
    assert (done["created"], done["updated"], done["failed"]) == (2, 1, 1), done
    (row,) = (await owner.get(f"people/contacts?email={ada}&include=company")).data
    assert (row["name"], row["source"]) == ("Twin", "fair")
    assert set(await handles_of(owner, row)) == {ada, "+4930777001"}
    moved = f"Full name,E-mail,Telephone\nTwin,{ada},+49 30 777002\nEve,{eve},\n"
    again = await wizard.load(moved, CONTACTS, match="email")
    assert (again["updated"], again["skipped"]) == (1, 1), again
    assert set(await handles_of(owner, row)) == {ada, "+4930777002"}


async def test_rows_whose_handles_are_anothers_are_refused_and_the_rest_comes_in(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    wizard = Wizard(house, tenant, owner)
    taken = fresh()
    await owner.create("people/contacts", name="Ada", email=taken)
    rows = "".join(f"P{at},{fresh()},+49 30 88{at % 299:04}\n" for at in range(300))
    text = f"name,email,phone\n{rows}Twin,{taken},\n"
    made = await wizard.load(text, CONTACTS, match=None)
    assert (made["created"], made["failed"]) == (299, 2), made
    faults = [it["errors"][0]["code"] for it in await wizard.rows(made)]
    assert faults == ["taken", "taken"]
