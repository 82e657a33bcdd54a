"""The size budget finds what it is there to find."""

from pathlib import Path

import pytest

from tools.budget import Budget, main, measure


def write(root: Path, name: str, text: str) -> None:
    path = root / "src" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def function(lines: int) -> str:
    return "def long() -> None:\n" + "    pass\n" * (lines - 1)


def test_this_project_is_within_its_budget() -> None:
    root = Path(__file__).parents[2]
    assert measure(root).offenders() == []


def test_a_tree_at_its_limits_passes(tmp_path: Path) -> None:
    write(tmp_path, "file.py", "x = 1\n" * 300)
    write(tmp_path, "function.py", function(30))
    write(tmp_path, "ignore.py", "x: int = ''  # type: ignore[assignment]\n")
    assert main(tmp_path) == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x = 1\n" * 401, "src/it.py: Python file of 401 lines, over 300"),
        (function(51), "src/it.py:1: long: function of 51 lines, over 30"),
        ("# type: ignore[x]\n" * 2, "src/it.py:2: type: ignore"),
    ],
)
def test_what_is_over_the_limit_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, complaint: str
) -> None:
    write(tmp_path, "it.py", text)
    assert main(tmp_path) == 1
    assert complaint in capsys.readouterr().out


def test_a_console_file_is_over_at_251_lines(tmp_path: Path) -> None:
    screen = tmp_path / "console/src/Screen.tsx"
    screen.parent.mkdir(parents=True)
    screen.write_text("//\n" * 251)
    assert measure(tmp_path).offenders() == [
        "console/src/Screen.tsx: console file of 251 lines, over 250"
    ]


def test_one_long_thing_in_twenty_is_allowed_and_two_are_not() -> None:
    budget = Budget("function", p95_limit=30, limit=50)
    for number in range(19):
        budget.add(10, f"short {number}")
    budget.add(45, "long")
    assert list(budget.offenders()) == []
    budget.add(45, "long too")
    assert len(list(budget.offenders())) == 2
