"""A tenant that adds fields to its companies, for each module."""

from typing import Any

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

COMPANIES, FIELDS = "people/companies", "custom-fields"
RESOURCE = "people.companies"


@pytest.fixture(scope="module")
async def tenant(the_house: House) -> Tenant:
    """A tenant for the tests of one module."""
    return await the_house.tenant()


@pytest.fixture(scope="module")
async def the_owner(the_house: House, tenant: Tenant) -> Caller:
    """Who may do everything there, with the fields below."""
    owner = await the_house.user(tenant)
    for key, kind, more in ADDED:
        await add(owner, key, kind, **more)
    await the_house.work(tenant)
    return owner


@pytest.fixture
def owner(house: House, the_owner: Caller) -> Caller:
    """The same; a fault of the program fails the test."""
    assert house.http is the_owner.http
    return the_owner


ADDED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("colour", "choice", {"choices": ["red", "green"], "filterable": True}),
    ("size", "integer", {"filterable": True, "labels": {"de": "Größe"}}),
    ("since", "date", {"filterable": True}),
    ("price", "decimal", {"filterable": True}),
    ("seen", "datetime", {"filterable": True}),
    ("vip", "boolean", {"filterable": True}),
    ("nick", "text", {"filterable": True}),
    ("notes", "long_text", {}),
    ("tastes", "choices", {"choices": ["sweet", "sour"]}),
)


async def add(owner: Caller, key: str, kind: str, **more: Any) -> dict[str, Any]:
    """A new field of companies."""
    said = {"resource": RESOURCE, "key": key, "kind": kind, "label": key.title()}
    found: dict[str, Any] = await owner.create(FIELDS, **said, **more)
    return found


async def company(owner: Caller, **custom: Any) -> dict[str, Any]:
    """A new company with these values."""
    found: dict[str, Any] = await owner.create(COMPANIES, name="Acme", custom=custom)
    return found


async def found(owner: Caller, query: str) -> list[str]:
    """The ids of the companies that a list has."""
    return [it["id"] for it in (await owner.get(f"{COMPANIES}?{query}")).data]
