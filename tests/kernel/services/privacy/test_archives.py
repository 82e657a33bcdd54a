"""Archives: all of a tenant, readable anywhere, and sealed so that they can forget."""

import hashlib
import json
import zipfile
from io import BytesIO
from typing import Any

import pytest

from insula.kernel.foundation.sealing import Sealer
from insula.kernel.services.privacy.archiving import Archiving
from insula.kernel.services.privacy.sealed_rows import open_row
from insula.kernel.services.privacy.vault import KeyDestroyed, Person, SubjectVault
from tests.kernel.services.privacy.canaries import EMAIL, NAME, REGISTRY, tells
from tests.kernel.services.privacy.conftest import Nest, NestOf

pytestmark = pytest.mark.anyio


async def archive(nest: Nest, *, sealed: bool) -> zipfile.ZipFile:
    """An archive of a tenant, as somebody who has it opens it."""
    platform = nest.platform
    sealer = Sealer(platform.key)
    archiving = Archiving(REGISTRY, platform.control, sealer, nest.storage)
    target, tenant = BytesIO(), nest.tenant
    await archiving.write(target, tenant.home, tenant.id, tenant.slug, sealed=sealed)
    return zipfile.ZipFile(target)


def lines(made: zipfile.ZipFile, table: str) -> list[bytes]:
    return made.read(f"data/{table}.jsonl").splitlines()


async def test_an_archive_has_every_row_with_counts_and_checksums(
    nest_of: NestOf,
) -> None:
    nest, neighbour = await nest_of(), await nest_of()
    made = await archive(nest, sealed=False)
    manifest = json.loads(made.read("manifest.json"))
    assert (manifest["slug"], manifest["sealed"]) == (nest.tenant.slug, False)
    tables = {
        it["name"]: it for it in manifest["parts"] if it["name"].startswith("data")
    }
    assert len(tables) >= len(REGISTRY.entries) - 2
    for name, part in tables.items():
        content = made.read(name)
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
        assert part["rows"] == len(content.splitlines())
        assert str(neighbour.tenant.id).encode() not in content
    assert tables["data/maintenance_assets.jsonl"]["rows"] == 20
    files = [it for it in manifest["parts"] if it["name"].startswith("files/")]
    assert len(files) == 40
    assert made.read(files[0]["name"]) == NAME.encode()


async def test_secrets_are_in_no_archive(nest_of: NestOf) -> None:
    made = await archive(await nest_of(), sealed=False)
    users = [json.loads(line) for line in lines(made, "users")]
    assert {it["email"] for it in users} == {EMAIL}
    assert all("password" not in it for it in users)
    assert not any(b"refresh_hash" in line for line in lines(made, "sessions"))


async def opened_rows(nest: Nest, made: zipfile.ZipFile, table: str) -> list[Any]:
    platform = nest.platform
    vault = SubjectVault(platform.control, Sealer(platform.key))
    return [
        await open_row(vault, nest.tenant.id, table, line)
        for line in lines(made, table)
    ]


async def test_an_erased_person_cannot_be_read_in_an_older_sealed_archive(
    nest_of: NestOf,
) -> None:
    """Promise 21: later backups forget, too: the key is gone, and no archive has it."""
    nest = await nest_of()
    made = await archive(nest, sealed=True)
    for table in ("users", "sessions"):
        assert not any(tells(line.decode()) for line in lines(made, table))
    assert (await opened_rows(nest, made, "users"))[0]["name"] == NAME
    assert not any(name.startswith("files/") for name in made.namelist())

    vault = SubjectVault(nest.platform.control, Sealer(nest.platform.key))
    await vault.destroy(Person(nest.tenant.id, "users", nest.person_id))

    with pytest.raises(KeyDestroyed):
        await opened_rows(nest, made, "users")
    later = await archive(nest, sealed=True)
    assert json.loads(lines(later, "users")[0])["name"] is None
