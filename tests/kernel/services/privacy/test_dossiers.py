"""Dossiers: a person gets all that is held of them, and nothing of anybody else."""

import html
import json
import re
import zipfile
from io import BytesIO

import pytest

from insula.kernel.services.privacy.archiving import one_state
from insula.kernel.services.privacy.beyond import Beyond
from insula.kernel.services.privacy.dossier import Dossiers
from insula.kernel.services.privacy.vault import Person
from tests.house import House
from tests.kernel.services.privacy.canaries import (
    CANARIES,
    REGISTRY,
    superuser,
)
from tests.kernel.services.privacy.conftest import Nest, NestOf

pytestmark = pytest.mark.anyio

OTHER, OTHERS_ADDRESS = "Bertil Fremmling", "bertil@fremmling.test"


async def dossier(nest: Nest) -> zipfile.ZipFile:
    """The canary's dossier, as the canary opens it."""
    target = BytesIO()
    async with one_state(nest.tenant.home, nest.tenant.id) as transaction:
        person = Person(nest.tenant.id, "users", nest.person_id)
        beyond = Beyond(nest.platform.control)
        dossiers = Dossiers(REGISTRY, beyond)
        await dossiers.write(target, transaction, nest.disk, person)
    return zipfile.ZipFile(target)


def texts(made: zipfile.ZipFile) -> dict[str, str]:
    return {name: made.read(name).decode() for name in made.namelist()}


async def test_a_dossier_has_every_canary(nest_of: NestOf) -> None:
    """S4-20: in the page that people read, and in the files for programs."""
    made = texts(await dossier(await nest_of()))
    page = html.unescape(made["index.html"])
    data = "".join(
        json.dumps(json.loads(line), ensure_ascii=False)
        for name, text in made.items()
        if name.endswith(".jsonl")
        for line in text.splitlines()
    )
    for canary in CANARIES:
        assert canary in page
        assert json.dumps(canary, ensure_ascii=False)[1:-1] in data
    assert sum(name.startswith("files/") for name in made) == 20
    secrets = re.compile(r"password(?!_changed_at)|refresh_hash")
    assert not [name for name, text in made.items() if secrets.search(text)]


async def test_a_dossier_has_nothing_of_others(house: House, nest_of: NestOf) -> None:
    """S4-20: not their rows, and where a row tells of both, not their names."""
    nest = await nest_of()
    other = await house.user(nest.tenant, "owner")
    async with superuser(nest.platform.cluster, nest.tenant) as connection:
        named = "UPDATE users SET name = $1, email = $2 WHERE id = $3"
        await connection.execute(named, OTHER, OTHERS_ADDRESS, other.actor_id)
        both = f"Zofia and {OTHER} ({OTHERS_ADDRESS}) were there"
        told = "UPDATE maintenance_locations SET name = $1 WHERE tenant_id = $2"
        await connection.execute(told, both, nest.tenant.id)
        alone = (
            "UPDATE maintenance_assets SET name = $1, tag = id::text, category = '',"
        )
        await connection.execute(
            f"{alone} serial = '', custom = '{{}}' WHERE tenant_id = $2",
            OTHER,
            nest.tenant.id,
        )
    made = texts(await dossier(nest))
    assert (
        "Zofia and [somebody else] ([somebody else]) were there" in made["index.html"]
    )
    assert not any("remmling" in text for text in made.values())
    assert "data/maintenance_assets.jsonl" not in made
    assert len(made["data/users.jsonl"].splitlines()) == 1
