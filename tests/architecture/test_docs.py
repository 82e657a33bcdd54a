"""What the documentation shows exists, and its code is code."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.main import get_command

from insula.cli.api import Remote
from insula.cli.main import app
from insula.kernel.resource.app import App
from insula.kernel.resource.tasks import Chunked, Errand, Task
from insula.server.build import operations
from tests.house import House
from tools.settings import page, undescribed

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs/guides").glob("*.md"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|\s)(?:\./run )?insula ([a-z][^|#>`;]*)")
RUN = re.compile(r"(?:^|\s)\./run (up [^|#>`;]*)")
SDK = re.compile(r"^from insula\.sdk import (\([^)]*\)|[^(\n]*$)", re.MULTILINE)
ADDRESS = re.compile(r"(/(?:api/v1|storage)/[^\s\"`?',;)]*)")
HOLE = re.compile(r"\$\w+|\{\w+\}|<\w+>")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def named(path: Path) -> str:
    return path.name


def blocks(path: Path) -> list[str]:
    return PYTHON.findall(path.read_text())


def commands(path: Path) -> Iterator[str]:
    """Every ``insula`` command that a page shows, in its blocks and in its lines."""
    for block, span in SHELL.findall(path.read_text()):
        for line in (block or span).replace("\\\n", " ").splitlines():
            for found in (*COMMAND.findall(line), *RUN.findall(line)):
                yield found.strip()


def check(text: str) -> None:
    """Look for the command and its options, as the command line itself would."""
    command: Any = get_command(app)
    words = [it.rstrip(",…") for it in shlex.split(text, comments=True)]
    while hasattr(command, "list_commands") and words and words[0]:
        found = command.get_command(None, words[0])
        assert found is not None, f"insula {text}: there is no {words[0]}"
        command, words = found, words[1:]
    known = {it for param in command.params for it in param.opts} | {"--help"}
    asked = {it.lstrip("[").partition("=")[0].rstrip("]") for it in words}
    asked = {it for it in asked if it.startswith("--")}
    assert asked <= known, f"insula {text}: {asked - known}"


@pytest.mark.parametrize("path", GUIDES, ids=named)
def test_the_code_of_the_guides_is_code(path: Path) -> None:
    for number, block in enumerate(blocks(path), start=1):
        # A block may stand in the middle of a function, and await.
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        compile(block, f"{path.name}, block {number}", "exec", flags)


@pytest.mark.parametrize("path", GUIDES, ids=named)
def test_what_the_guides_import_is_there(path: Path) -> None:
    """An app's author can import what a page says."""
    for block in blocks(path):
        for names in SDK.findall(block):
            exec(f"from insula.sdk import {names}", {})  # noqa: S102  # our own page


def test_the_blocks_of_the_guide_to_jobs_are_an_app() -> None:
    path = ROOT / "docs/guides/jobs-and-events.md"
    made: dict[str, object] = {"__file__": str(path), "__name__": "bells"}
    exec("\n".join(blocks(path)), made)  # noqa: S102  # our own page
    bells = made["app"]
    assert isinstance(bells, App)
    assert [type(it) for it in bells.tasks] == [Task, Errand, Chunked]


@pytest.fixture
async def offered(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that the commands of its apps are made from."""
    document = json.dumps((await house.caller("localhost").get("/openapi.json")).body)
    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, text=document))
    monkeypatch.setattr(Remote, "transport", answer)
    monkeypatch.setenv("INSULA_URL", "http://localhost")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path", [it for it in PAGES if it.parent.name != "tutorial"], ids=named
)  # whose every block is run
async def test_every_command_that_is_shown_exists(path: Path, offered: None) -> None:
    for text in commands(path):
        check(text)


@pytest.mark.anyio
async def test_every_address_that_is_shown_exists(house: House) -> None:
    known = {HOLE.sub("{}", it.path) for it in operations(house.platform)}
    for path in GUIDES:
        for address in ADDRESS.findall(path.read_text()):
            wanted = HOLE.sub("{}", address).rstrip(".")
            shown = "…" in wanted or wanted in known
            assert shown, f"{path.name}: there is no {address}"


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_link_leads_to_a_page(path: Path) -> None:
    for target in LINK.findall(path.read_text()):
        assert (path.parent / target).exists(), target


def test_the_page_of_the_settings_is_what_the_settings_are() -> None:
    """Write it anew: python -m tools.settings > docs/reference/settings.md."""
    assert undescribed() == set()
    assert (ROOT / "docs/reference/settings.md").read_text() == page()
