"""A plain resource is short: nothing but what a row is, and what is offered of it."""

import re
from pathlib import Path

import pytest

APPS = Path(__file__).parents[2] / "src/insula/apps"
DECLARED = re.compile(r"^\w+ = Resource\(", re.MULTILINE)
ACTS = re.compile(r"\.(action|common_action|question)\(")
MOST = 60
"""Lines that are not empty, for each resource of a file."""


def lines_each(text: str) -> int:
    """Lines for each resource of a file; 0 for what declares none, or has actions."""
    count = len(DECLARED.findall(text))
    if not count or ACTS.search(text):
        return 0
    return sum(1 for line in text.splitlines() if line.strip()) // count


@pytest.mark.parametrize(
    "path", sorted(APPS.rglob("*.py")), ids=lambda it: f"{it.parent.name}/{it.name}"
)
def test_a_resource_without_actions_takes_at_most_sixty_lines(path: Path) -> None:
    assert lines_each(path.read_text()) <= MOST


def test_a_resource_that_is_longer_would_be_seen() -> None:
    text = "books = Resource(\n" + "    Book,\n" * MOST
    assert lines_each(text) > MOST
    assert lines_each(f"{text}\n{text}") > MOST
    assert lines_each(f'{text}\n@books.action("lend")\n') == 0
