"""``insula tenants export`` and ``insula personal-data``, as an operator runs them."""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from insula.cli.main import app
from insula.kernel.database.embedded import open_server

Ask = Callable[..., Any]
ENVIRONMENT = {"INSULA_DATABASE_URL": None, "INSULA_BASE_DOMAIN": "localhost"}


@pytest.fixture
def ask() -> Iterator[Ask]:
    """The command on a running installation: its JSON answer."""
    folder = Path(tempfile.mkdtemp(prefix="insula-privacy-"))
    folder.chmod(0o755)

    def ask(*args: str, code: int = 0) -> Any:
        command = ["--data-dir", str(folder / "data"), *args, "--json"]
        done = CliRunner().invoke(app, command, env=ENVIRONMENT)
        assert done.exit_code == code, done.stderr
        return json.loads(done.stdout)

    with open_server(folder / "data"):
        yield ask
    shutil.rmtree(folder)


def test_a_tenant_is_exported_in_clear_and_sealed(ask: Ask, tmp_path: Path) -> None:
    ask("tenants", "create", "acme", "--name", "Acme", "--owner", "zofia@canary.test")
    clear, sealed = tmp_path / "clear.zip", tmp_path / "sealed.zip"
    told = ask("tenants", "export", "acme", str(clear))
    assert (told["sealed"], told["bytes"]) == (False, clear.stat().st_size)
    assert told["rows"] >= 2
    assert ask("tenants", "export", "acme", str(sealed), "--sealed")["sealed"]

    with zipfile.ZipFile(clear) as made, zipfile.ZipFile(sealed) as hidden:
        assert b"zofia@canary.test" in made.read("data/users.jsonl")
        assert b"zofia" not in hidden.read("data/users.jsonl")
        assert json.loads(hidden.read("manifest.json"))["sealed"]
    ask("tenants", "export", "acme", str(clear), code=1)


def test_the_reference_is_printed() -> None:
    done = CliRunner().invoke(app, ["personal-data"])
    assert done.exit_code == 0
    assert "## `users`" in done.stdout
