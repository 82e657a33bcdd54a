"""Requests: people ask, owners and admins decide, holds forbid, and a proof remains."""

import zipfile
from functools import partial
from io import BytesIO
from typing import Any

import pytest

from insula.kernel.cache.classes import CacheClass
from insula.kernel.foundation.errors import Invalid, NotFound
from insula.kernel.foundation.ids import uuid7
from insula.kernel.http.admission import PermissionMissing
from insula.kernel.resource.machines import WrongMove
from insula.kernel.services.privacy.asking import AlreadyRequested, NotForOthers
from insula.kernel.services.privacy.fetching import NotReady
from insula.kernel.services.privacy.person import NoSubject
from insula.kernel.services.privacy.requests import (
    LastOwner,
    NeedsAnotherApprover,
    OnHold,
)
from insula.kernel.services.privacy.vault import KeyDestroyed, Person, SubjectVault
from insula.kernel.storage.places import Folder
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House
from tests.kernel.services.privacy.canaries import ALSO, NAME, superuser, traces
from tests.kernel.services.privacy.conftest import Nest, NestOf
from tests.kernel.services.privacy.office import Office, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office(house: House) -> Office:
    """A tenant with nobody in it yet."""
    return Office(house, await house.tenant())


async def test_an_erasure_is_asked_for_approved_and_proven(
    house: House, nest_of: NestOf
) -> None:
    """S4-21, S4-22: stored in the tenant's home, approved by its owner, with a proof."""
    nest = await nest_of()
    office = Office(house, nest.tenant)
    owner = await office.somebody("owner")
    path = await office.request(nest.canary, "erasure", also=ALSO)
    approved = await office.ask(owner, f"{path}/approve")
    assert (approved["state"], approved["decided_by"]) == (
        "approved",
        str(owner.actor_id),
    )

    await office.erase(path)

    done = (await owner.get(path)).data
    proof = done["proof"]
    assert (done["state"], proof["left"]) == ("done", 0)
    assert (proof["approved_by"], proof["changed"]["users"]) == (str(owner.actor_id), 1)
    assert (await nest.canary.get("auth/user")).status == 401
    await nothing_is_left(nest)


async def nothing_is_left(nest: Nest) -> None:
    """No trace, no note and no key; but everybody was told whom to forget."""
    platform, tenant = nest.platform, nest.tenant
    async with superuser(platform.cluster, tenant) as connection:
        assert await traces(connection, tenant.id) == {}
        told = (
            "SELECT payload FROM outbox WHERE name = 'person.erased' AND tenant_id = $1"
        )
        event = await connection.fetchval(told, tenant.id)
        assert str(nest.person_id).encode() in bytes(event)
        notes = "SELECT count(*) FROM erasure_notes WHERE tenant_id = $1"
        assert await connection.fetchval(notes, tenant.id) == 0
    vault = SubjectVault(platform.control, platform.sealer)
    with pytest.raises(KeyDestroyed):
        await vault.seal(Person(tenant.id, "users", nest.person_id), "users.name", b"")


async def test_what_was_kept_of_a_person_is_not_answered_any_more(
    house: House, office: Office
) -> None:
    """Promise 21: the cache forgets with the tables, and next door keeps what it has."""
    member, owner = await office.somebody("member"), await office.somebody("owner")
    neighbour = await house.tenant()

    async def kept(of: Tenant, fresh: bytes) -> bytes:
        cache = house.platform.cache.of(of.id)
        return await cache.remember("page", CacheClass.dashboard, partial(_made, fresh))

    path = await office.request(member, "erasure")
    await office.ask(owner, f"{path}/approve")
    for it in (office.tenant, neighbour):
        assert await kept(it, NAME.encode()) == NAME.encode()
    await office.erase(path)
    assert await kept(office.tenant, b"fresh") == b"fresh"
    assert await kept(neighbour, b"fresh") == NAME.encode()


async def _made(answer: bytes) -> bytes:
    return answer


async def test_nobody_decides_alone_on_their_own_request(office: Office) -> None:
    """S4-22: another owner or admin has to, as long as there is one."""
    admin = await office.somebody("admin")
    path = await office.request(admin, "erasure")
    other = await office.somebody("admin")
    with refused(NeedsAnotherApprover):
        await office.ask(admin, f"{path}/approve")
    assert (await office.ask(other, f"{path}/approve"))["state"] == "approved"


async def test_who_is_alone_may_decide_alone(office: Office) -> None:
    admin = await office.somebody("admin")
    await office.somebody("member")
    path = await office.request(admin, "erasure")
    assert (await office.ask(admin, f"{path}/approve"))["state"] == "approved"


async def test_an_approval_has_the_work_begin_once(office: Office) -> None:
    """S4-20: the job is written with the decision, or not at all."""
    owner = await office.somebody("owner")
    member = await office.somebody("member")
    paths = [await office.request(member, it) for it in ("export", "erasure")]
    await office.ask(owner, f"{paths[1]}/approve")
    with refused(WrongMove):
        await office.ask(owner, f"{paths[1]}/approve")
    async with superuser(office.house.platform.cluster, office.tenant) as connection:
        rows = await connection.fetch(
            "SELECT task, command::text FROM jobs WHERE tenant_id = $1 ORDER BY id",
            office.tenant.id,
        )
    assert [row[0] for row in rows] == ["privacy.export", "privacy.erase"]
    assert all(
        path.partition("/")[2] in row[1] for path, row in zip(paths, rows, strict=True)
    )


@pytest.mark.parametrize("role", ["member", "manager", "viewer", "auditor"])
async def test_only_owners_and_admins_decide(office: Office, role: str) -> None:
    """S4-22."""
    somebody = await office.somebody(role)
    await office.somebody("owner")
    path = await office.request(somebody, "erasure")
    for deed in ("approve", "refuse"):
        with refused(PermissionMissing):
            await office.ask(somebody, f"{path}/{deed}")


async def test_the_last_owner_stays(office: Office) -> None:
    owner, admin = await office.somebody("owner"), await office.somebody("admin")
    path = await office.request(owner, "erasure")
    with refused(LastOwner):
        await office.ask(admin, f"{path}/approve")


async def test_a_refused_request_leaves_no_note_and_is_never_done(
    office: Office,
) -> None:
    member, owner = await office.somebody("member"), await office.somebody("owner")
    path = await office.request(member, "erasure", also=["Old-Name"])
    await office.ask(owner, f"{path}/refuse")
    assert await office.step(path)
    with refused(WrongMove):
        await office.ask(owner, f"{path}/approve")
    async with superuser(office.house.platform.cluster, office.tenant) as connection:
        notes = "SELECT count(*) FROM erasure_notes WHERE tenant_id = $1"
        assert await connection.fetchval(notes, office.tenant.id) == 0


@pytest.mark.parametrize("whole", [False, True], ids=["person", "tenant"])
async def test_a_legal_hold_forbids_erasure_until_it_ends(
    office: Office, *, whole: bool
) -> None:
    member, owner = await office.somebody("member"), await office.somebody("owner")
    whom: dict[str, Any] = {} if whole else {"subject_id": str(member.actor_id)}
    hold = await office.ask(owner, "legal-holds", reason="lawsuit", **whom)
    assert hold["set_by"] == str(owner.actor_id)
    path = await office.request(member, "erasure")
    assert (await owner.get(path)).data["state"] == "held"
    with refused(OnHold):
        await office.ask(owner, f"{path}/approve")
    ended = {"until": "2026-01-01T00:00:00Z"}
    version = {"if-match": '"1"'}
    changed = await owner.patch(f"legal-holds/{hold['id']}", ended, headers=version)
    assert changed.status == 200
    assert (await office.ask(owner, f"{path}/approve"))["state"] == "approved"


async def test_a_hold_stops_an_erasure_that_has_begun(office: Office) -> None:
    member, owner = await office.somebody("member"), await office.somebody("owner")
    path = await office.request(member, "erasure")
    await office.ask(owner, f"{path}/approve")
    assert not await office.step(path)
    await office.ask(owner, "legal-holds", reason="lawsuit")
    assert await office.step(path)
    assert (await owner.get(path)).data["state"] == "held"


async def test_ones_own_export_needs_no_approval_and_reaches_oneself_alone(
    house: House, nest_of: NestOf
) -> None:
    """S4-20, S1-44: a dossier in the folder for exports, by a link that expires."""
    nest = await nest_of()
    office, canary = Office(house, nest.tenant), nest.canary
    owner = await office.somebody("owner")
    path = await office.request(canary, "export")
    with refused(NotReady):
        await office.ask(canary, f"{path}/link")
    assert await office.export(path)
    assert not await office.export(path)
    with refused(NotFound):
        await office.ask(owner, f"{path}/link")
    link = await office.ask(canary, f"{path}/link")
    visitor = house.caller(nest.tenant.domain)
    got = await visitor.http.get(link["url"], headers={"host": visitor.host})
    page = zipfile.ZipFile(BytesIO(got.content)).read("index.html").decode()
    assert NAME in page
    (stored,) = [it.path async for it in nest.disk.list(Folder.exports)]
    assert stored.startswith("exports/")
    (shown,) = (await canary.get("auth/user/data-requests")).data
    assert (shown["id"] in path, shown["state"]) == (True, "done")


async def test_an_export_goes_with_its_person(house: House, nest_of: NestOf) -> None:
    nest = await nest_of()
    office = Office(house, nest.tenant)
    owner = await office.somebody("owner")
    await office.export(await office.request(nest.canary, "export"))
    path = await office.request(nest.canary, "erasure", also=ALSO)
    await office.ask(owner, f"{path}/approve")
    await office.erase(path)
    assert [it async for it in nest.disk.list(Folder.exports)] == []


async def test_others_data_is_for_those_who_may_ask_for_it(office: Office) -> None:
    member, owner = await office.somebody("member"), await office.somebody("owner")
    with refused(NotForOthers):
        await office.request(member, "export", subject_id=str(owner.actor_id))
    whose = {"subject_id": str(member.actor_id)}
    path = await office.request(owner, "export", **whose)
    assert (await owner.get(path)).data["state"] == "requested"
    with refused(AlreadyRequested):
        await office.request(owner, "export", **whose)
    with refused(NoSubject):
        await office.request(owner, "erasure", subject="jobs", **whose)


async def test_a_foreign_person_is_not_found(house: House, office: Office) -> None:
    owner = await office.somebody("owner")
    foreign = await house.user(await house.tenant(), "owner")
    for stranger in (foreign.actor_id, uuid7()):
        with refused(NotFound):
            await office.request(owner, "erasure", subject_id=str(stranger))


async def test_short_words_are_refused_as_what_a_person_is_known_by(
    office: Office,
) -> None:
    owner = await office.somebody("owner")
    with refused(Invalid):
        await office.request(owner, "erasure", also=["Jo"])
