"""What the guides show is what works."""

import re
from pathlib import Path

import pytest

from tests.house import Caller
from tests.kernel.resource.querying.conftest import Plant

pytestmark = pytest.mark.anyio
GUIDES = Path(__file__).parents[4] / "docs" / "guides"
SHOWN = [
    path
    for name in ("querying.md", "aggregates.md")
    for path in re.findall(r"^GET (\S+)$", (GUIDES / name).read_text(), re.MULTILINE)
]


def test_the_guides_show_something() -> None:
    assert len(SHOWN) > 10


@pytest.mark.parametrize("path", SHOWN)
async def test_what_the_guides_show_is_answered(
    owner: Caller, plant: Plant, path: str
) -> None:
    answer = await owner.get(path.replace("{id}", plant.order["id"]))
    assert (answer.status, answer.body["success"]) == (200, True)
