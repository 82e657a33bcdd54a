"""The tutorial: every block of it is run, in its order, as a reader would."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorial/your-first-app.md").read_text()
FILE = re.compile(r"^\*\*`(\S+)`\*\*\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(
    r"^```sh\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL
)
INSTALL, UP = "pip install --editable .\n", "insula up\n"
MARK = "-- block {}"
STEPS = [(sh, said.splitlines()) for sh, said in SHELL.findall(PAGE)]


def publish(folder: Path) -> None:
    """What ``pip install --editable .`` would do, without a package index."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = (
        folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    )
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\n")
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{k} = {v}" for k, v in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's folder, with the files that the page shows."""
    folder = tmp_path_factory.mktemp("tutorial")
    for name, text in FILE.findall(PAGE):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    publish(folder)
    return folder


@pytest.fixture(scope="module")
def installation(folder: Path) -> Iterator[Installation]:
    """An installation that knows the reader's app."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    made = Installation(
        PYTHONPATH=f"{folder}:{ROOT}", PATH=path, XDG_CACHE_HOME=str(folder)
    )
    yield made
    made.remove()


def run(installation: Installation, folder: Path, script: str) -> list[str]:
    """What each block of a script says."""
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=installation.env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    return re.split(r"^-- block \d+\n", done.stdout, flags=re.MULTILINE)[1:]


def test_every_block_of_the_tutorial_does_what_it_says(
    installation: Installation, folder: Path
) -> None:
    """K1: from an empty folder to an app, in one file."""
    blocks = [sh.replace(":8000", f":{installation.port}") for sh, _ in STEPS]
    assert (blocks[0].startswith(INSTALL), blocks[1]) == (True, UP)
    run(installation, folder, blocks[0].removeprefix(INSTALL))
    assert [it.name for it in folder.glob("library/migrations/*.py")] == [
        "0001_books.py"
    ]
    installation.start().await_ready(patience=90)
    marked = [f"echo '{MARK.format(at)}'\n{it}" for at, it in enumerate(blocks)][2:]
    said = run(installation, folder, "\n".join(marked))
    for (sh, wanted), text in zip(STEPS[2:], said, strict=True):
        for line in wanted:
            pattern = ".*".join(re.escape(part) for part in line.split("…"))
            assert re.search(pattern, text), (sh, line, text)


def test_the_app_is_as_short_as_the_page_says() -> None:
    (app,) = (text for name, text in FILE.findall(PAGE) if name.endswith("app.py"))
    assert len([line for line in app.splitlines() if line.strip()]) <= 45
