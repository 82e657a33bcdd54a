"""Every kind of store: the same tests run over each."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from insula.kernel.storage.bucket import Bucket, BucketStore
from insula.kernel.storage.directory import DirectoryStore
from insula.kernel.storage.disks import Storage
from insula.kernel.storage.places import BUCKET, DIRECTORY
from insula.kernel.storage.stores import Store, memory_store
from tests.kernel.storage.moto import make_bucket, s3_service


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an S3 service."""
    with s3_service() as address:
        yield address


@dataclass(frozen=True, slots=True)
class Where:
    """A bucket of the tests, and its store."""

    address: str
    name: str
    store: BucketStore


@pytest.fixture
def bucket(s3: str) -> Where:
    """A bucket of one test."""
    name = f"insula-{secrets.token_hex(4)}"
    make_bucket(s3, name)
    store = BucketStore(
        Bucket(name=name, endpoint=s3, access_key_id="k", secret_access_key="s")
    )
    return Where(s3, name, store)


@pytest.fixture(params=["directory", "bucket", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store of each kind."""
    if request.param == "directory":
        return DirectoryStore(tmp_path / "storage")
    if request.param == "memory":
        return memory_store()
    where: Where = request.getfixturevalue("bucket")
    return where.store


@pytest.fixture
def storage(store: Store, tmp_path: Path) -> Storage:
    """The storage of an installation, over a store of each kind."""
    places = DIRECTORY if isinstance(store, DirectoryStore) else BUCKET
    return Storage(store, places, tmp_path / "spool")
