"""The club, its owner, and two members who are the same person."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from insula.kernel.database.session import Session, Statement
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House
from tests.kernel.resource.conftest import Journal
from tests.kernel.resource.merging.club import opened_club


@pytest.fixture(scope="package")
async def the_club(the_house: House) -> AsyncIterator[House]:
    """The house with the club in it."""
    async with opened_club(the_house) as club:
        yield club


@pytest.fixture
def club(the_club: House) -> Iterator[House]:
    """The same; a test during which it had a fault fails."""
    before = len(the_club.witness.faults)
    yield the_club
    faults = the_club.witness.faults[before:]
    assert not faults, faults


@pytest.fixture(scope="module")
async def tenant(the_club: House) -> Tenant:
    """A tenant with the club, for the tests of one module."""
    return await the_club.tenant(apps=("club",))


@pytest.fixture(scope="module")
async def the_owner(the_club: House, tenant: Tenant) -> Caller:
    """Who may do everything there."""
    return await the_club.user(tenant)


@pytest.fixture
def owner(club: House, the_owner: Caller) -> Caller:
    """Who may do everything there; a fault of the program fails the test."""
    assert club.http is the_owner.http
    return the_owner


@pytest.fixture
def journal(club: House, tenant: Tenant) -> Journal:
    """The tenant's journal."""
    return Journal(club.platform.open_session(tenant.home, tenant.id))


@dataclass(slots=True)
class Club:
    """What tests do with members."""

    owner: Caller
    session: Session

    async def member(self, **more: Any) -> dict[str, Any]:
        """A new member."""
        made: dict[str, Any] = await self.owner.create(
            "club/members", **({"name": "Ada"} | more)
        )
        return made

    async def pair(self) -> tuple[str, str]:
        """Two members: who stays, and who goes."""
        one, two = await self.member(name="Ada"), await self.member(name="Ada L.")
        return one["id"], two["id"]

    async def merge(
        self, stays: str, goes: str, query: str = "", **more: Any
    ) -> Answer:
        """Merge one into the other."""
        path = f"club/members/{stays}/merge{query}"
        return await self.owner.post(path, {"from": goes, **more})

    async def undo(self, merge: str) -> Answer:
        """Make them two again."""
        return await self.owner.post(f"merges/{merge}/undo")

    async def get(self, path: str) -> Any:
        """What is there."""
        return (await self.owner.get(f"club/{path}")).data

    async def mark(self, row_id: str, word: str) -> None:
        """Mark a member."""
        statement = (
            "INSERT INTO home__.club_marks (tenant_id, id, created_at, resource, row_id,"
            " word) VALUES ($1::text::uuid, gen_random_uuid(), now(), 'club.members',"
            " $2::text::uuid, $3)"
        )
        async with self.session.transaction() as transaction:
            await transaction.fetch(Statement(statement), row_id, word)


@pytest.fixture
def people(club: House, owner: Caller, tenant: Tenant) -> Club:
    """The members of the tenant."""
    return Club(owner, club.platform.open_session(tenant.home, tenant.id))
