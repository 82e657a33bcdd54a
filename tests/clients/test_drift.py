"""The committed clients are those that the server's own document asks for."""

from pathlib import Path

import pytest

from tests.house import House
from tools.clients.__main__ import CLIENTS, generated

pytestmark = pytest.mark.anyio


async def test_the_committed_clients_are_those_of_today(house: House) -> None:
    """If this fails, `./run clients` writes them anew."""
    document = (await house.caller("localhost").get("/openapi.json")).body
    stale = [
        path
        for path, text in generated(document).items()
        if not _same(CLIENTS / path, text)
    ]
    assert stale == []


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text
