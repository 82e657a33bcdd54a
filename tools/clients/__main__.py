"""Writes the typed clients anew: `./run clients`, or with a server's document behind it.

Without a document, that of this tree's own operations is taken, so no server is needed.
With `--into FOLDER` whole clients are written there, as apps of one's own need them.
"""

import argparse
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from insula.kernel.access.operation import Audience
from insula.kernel.database.cluster import cluster_at
from insula.kernel.foundation.settings import Settings
from insula.kernel.http.openapi import document
from insula.kernel.resource.engine import registered_apps
from insula.server.build import operations
from insula.server.platform import Platform
from tools.clients import python, typescript
from tools.clients.reading import read

CLIENTS = Path(__file__).parents[2] / "clients"
FETCHED = shutil.ignore_patterns("node_modules", "__pycache__")
NOWHERE = "postgresql://nobody@localhost:1"
OPERATORS = (Audience.operator, Audience.gate)
PYTHON = "python/src/insula_client"
TYPESCRIPT = "typescript/src"


def own_document() -> dict[str, Any]:
    """The document of the tenants' operations in this tree, over no server."""
    cluster = cluster_at(NOWHERE, prefix="none", key=bytes(32))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        every = operations(Platform(settings, cluster, registered_apps()))
    listed = [it for it in every if it.audience not in OPERATORS]
    return decoded(msgspec.json.encode(document(listed, title="Insula", version="1")))


def generated(said: Mapping[str, Any]) -> dict[str, str]:
    """Every generated file, by its path below the folder of the clients."""
    api = read(said)
    trees = {PYTHON: python.files(api), TYPESCRIPT: typescript.files(api)}
    return {
        f"{folder}/{name}": text
        for folder, files in trees.items()
        for name, text in files.items()
    }


def main() -> None:
    """Write what is not as it should be."""
    parser = argparse.ArgumentParser(prog="./run clients", description=__doc__)
    parser.add_argument(
        "document", nargs="?", type=Path, help="openapi.json of a server"
    )
    parser.add_argument("--into", type=Path, default=CLIENTS)
    given = parser.parse_args()
    chosen: Path | None = given.document
    known = own_document() if chosen is None else decoded(chosen.read_bytes())
    if given.into != CLIENTS:
        shutil.copytree(CLIENTS, given.into, ignore=FETCHED, dirs_exist_ok=True)
    for path, text in generated(known).items():
        place = given.into / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists() or place.read_text() != text:
            place.write_text(text)
            print(place)


def decoded(content: bytes) -> dict[str, Any]:
    """A document as whoever asks for it gets it."""
    found: dict[str, Any] = msgspec.json.decode(content)
    return found


if __name__ == "__main__":
    main()
