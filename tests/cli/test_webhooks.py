"""``insula webhooks inbound``, as an operator's shell runs it."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from insula.cli.main import app
from insula.kernel.database.embedded import open_server

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """The command, on an installation of its own."""
    folder = Path(tempfile.mkdtemp(prefix="insula-cli-"))
    folder.chmod(0o755)
    environment = {"INSULA_DATABASE_URL": None}

    def run(*args: str) -> Result:
        command = ["--data-dir", str(folder / "data"), "webhooks", "inbound", *args]
        return CliRunner().invoke(app, command, env=environment)

    with open_server(folder / "data"):
        yield run
    shutil.rmtree(folder)


def test_the_secret_of_a_source_is_printed_once(run: Run) -> None:
    """S4-38: the operator hands it to whoever signs with it."""
    made = run("add", "portal", "--json")
    assert made.exit_code == 0, made.output
    shown = json.loads(made.stdout)
    assert shown["secret"].startswith("whsec_")
    assert shown["path"] == "/api/v1/provisioning/organizations"
    listed = run("list", "--json")
    assert [it["name"] for it in json.loads(listed.stdout)] == ["portal"]
    assert "whsec_" not in listed.output
    turned = json.loads(run("rotate", "portal", "--json").stdout)
    assert turned["secret"] != shown["secret"]


def test_a_source_is_added_and_removed_once(run: Run) -> None:
    assert run("add", "shop").exit_code == 0
    again = run("add", "shop", "--json")
    assert again.exit_code == 1
    assert "WEBHOOK_SOURCE_TAKEN" in again.output
    assert run("remove", "shop", "--yes").exit_code == 0
    assert "WEBHOOK_SOURCE_UNKNOWN" in run("remove", "shop", "--yes", "--json").output
