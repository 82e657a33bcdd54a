"""A tenant in which a canary has left its traces everywhere, and its neighbour."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.home import Isolation
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.services.privacy.erasing import Eraser, Errand
from insula.kernel.services.privacy.notes import Note, Notes, Phase
from insula.kernel.storage.disks import Disk, Storage
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import Platform
from tests.house import Caller, House
from tests.kernel.services.privacy.canaries import (
    ADDRESS_V4,
    ADDRESS_V6,
    AGENT,
    ALSO,
    EMAIL,
    NAME,
    REGISTRY,
    plant,
    superuser,
)

SESSION = (
    "INSERT INTO sessions (tenant_id, id, created_at, user_id, refresh_hash,"
    " generation, expires_at, client) VALUES ($1, $2, now(), $3, 'x', 0, now(), $4)"
)


@dataclass(frozen=True, slots=True)
class Nest:
    """A tenant, and the canary in it."""

    platform: Platform
    tenant: Tenant
    canary: Caller
    storage: Storage

    @property
    def person_id(self) -> UUID:
        """The canary's own row."""
        assert self.canary.actor_id is not None
        return self.canary.actor_id

    @property
    def disk(self) -> Disk:
        """The tenant's files."""
        return self.storage.disk(self.tenant.id)

    def errand(self) -> Errand:
        """The erasure of the canary."""
        tenant = self.tenant
        return Errand(uuid7(), tenant.id, tenant.home, "users", self.person_id)


class NestOf(Protocol):
    """Makes a tenant with a canary in it."""

    def __call__(self, isolation: Isolation = ..., /) -> Awaitable[Nest]: ...


@pytest.fixture
def storage(platform: Platform) -> Storage:
    """The storage of the installation."""
    return platform.files.storage


@pytest.fixture
def nest_of(house: House, storage: Storage) -> NestOf:
    """Makes tenants with a canary, its traces in every column of every table."""

    async def make(isolation: Isolation = Isolation.shared) -> Nest:
        tenant = await house.tenant(isolation)
        canary = await house.user(tenant, "member")
        person = canary.actor_id
        assert person is not None
        async with superuser(house.platform.cluster, tenant) as connection:
            named = "UPDATE users SET name = $1, email = $2 WHERE id = $3"
            await connection.execute(named, NAME, EMAIL, person)
            seen = "UPDATE sessions SET client = $1, user_agent = $2 WHERE user_id = $3"
            await connection.execute(seen, ADDRESS_V4, AGENT, person)
            await connection.execute(SESSION, tenant.id, uuid7(), person, ADDRESS_V6)
            for key in await plant(connection, tenant.id, person):
                await storage.disk(tenant.id).put(key, _content(), limit=100)
        return Nest(house.platform, tenant, canary, storage)

    return make


async def _content() -> AsyncIterator[bytes]:
    yield NAME.encode()


@pytest.fixture
def eraser(platform: Platform, storage: Storage) -> Eraser:
    """Takes canaries out."""
    notes = Notes(Sealer(platform.key))
    homes = platform.homes
    return Eraser(REGISTRY, notes, lambda home: opened(homes.owner(home)), storage)


async def erase(nest: Nest, eraser: Eraser, errand: Errand, most: int = 1000) -> Note:
    """Go on with an erasure, at most some steps far."""
    session = nest.platform.open_session(nest.tenant.home, nest.tenant.id)
    note = Note()
    for _ in range(most):
        async with session.transaction() as transaction:
            note = await eraser.step(transaction, errand)
        if note.position.phase is Phase.done:
            break
    return note


async def begin(nest: Nest, errand: Errand) -> None:
    """Say how else the canary is known."""
    notes = Notes(Sealer(nest.platform.key))
    session = nest.platform.open_session(nest.tenant.home, nest.tenant.id)
    async with session.transaction() as transaction:
        await notes.begin(transaction, nest.tenant.id, errand.request_id, ALSO)
