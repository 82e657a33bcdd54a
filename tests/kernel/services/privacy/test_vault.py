"""The vault: what is sealed under a person's key dies with it."""

from uuid import UUID

import pytest

from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.services.privacy.vault import KeyDestroyed, Person, SubjectVault
from insula.server.platform import Platform

pytestmark = pytest.mark.anyio


def person(tenant_id: UUID | None = None) -> Person:
    return Person(tenant_id or uuid7(), "users", uuid7())


@pytest.fixture
def vault(platform: Platform) -> SubjectVault:
    """The vault as a process opens it."""
    return SubjectVault(platform.control, Sealer(platform.key))


async def test_a_value_opens_for_its_person_and_its_column_alone(
    vault: SubjectVault,
) -> None:
    ada = person()
    sealed = await vault.seal(ada, "users.name", b"Ada")
    assert await vault.open(ada, "users.name", sealed) == b"Ada"
    for whose, place in ((person(ada.tenant_id), "users.name"), (ada, "users.email")):
        with pytest.raises(KeyDestroyed):
            await vault.open(whose, place, sealed)


async def test_another_process_finds_the_same_key(
    vault: SubjectVault, platform: Platform
) -> None:
    ada = person()
    sealed = await vault.seal(ada, "users.name", b"Ada")
    other = SubjectVault(platform.control, Sealer(platform.key))
    assert await other.open(ada, "users.name", sealed) == b"Ada"


async def test_a_destroyed_key_opens_nothing_and_is_never_made_again(
    vault: SubjectVault, platform: Platform
) -> None:
    ada = person()
    sealed = await vault.seal(ada, "users.name", b"Ada")
    await vault.destroy(ada)
    for it in (vault, SubjectVault(platform.control, Sealer(platform.key))):
        with pytest.raises(KeyDestroyed):
            await it.open(ada, "users.name", sealed)
        with pytest.raises(KeyDestroyed):
            await it.seal(ada, "users.name", b"Ada")
    await vault.destroy(ada)


async def test_who_never_had_a_key_gets_none_after_erasure(vault: SubjectVault) -> None:
    ada = person()
    await vault.destroy(ada)
    with pytest.raises(KeyDestroyed):
        await vault.seal(ada, "users.name", b"Ada")
