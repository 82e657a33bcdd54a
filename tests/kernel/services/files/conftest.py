"""The files service over a directory of its own, and tenants of each isolation mode."""

from pathlib import Path
from uuid import UUID

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Session
from insula.kernel.services.files.service import Bounds, Files
from insula.kernel.storage.directory import DirectoryStore
from insula.kernel.storage.disks import Storage
from insula.kernel.storage.places import DIRECTORY
from insula.kernel.storage.scanning import NullScanner
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import Platform
from tests.house import House


@pytest.fixture(scope="package", params=list(Isolation))
async def tenant(the_house: House, request: pytest.FixtureRequest) -> Tenant:
    """A tenant of each isolation mode."""
    return await the_house.tenant(request.param)


@pytest.fixture
async def lodger(the_house: House) -> Tenant:
    """A new tenant of the shared home, with nothing in it yet."""
    return await the_house.tenant()


@pytest.fixture
def session(platform: Platform, lodger: Tenant) -> Session:
    """The door to the new tenant's rows."""
    return platform.open_session(lodger.home, lodger.id)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The service over a directory of this test."""
    root = tmp_path / "storage"
    storage = Storage(
        DirectoryStore(root), DIRECTORY, root / "app" / "central" / "temp"
    )
    return Files(storage, NullScanner(), no_limit, b"k" * 32, bounds=Bounds())


async def no_limit(_: UUID, __: str) -> None:
    """A plan that says nothing of room."""
    return
