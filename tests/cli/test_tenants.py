"""``insula tenants`` and ``insula apps``, as an operator's shell runs them."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from insula.cli.main import app
from insula.kernel.database.embedded import open_server
from insula.kernel.database.home import Isolation

Run = Callable[..., Result]

ENVIRONMENT = {
    "ACME_PW": "s3cret-Passw0rd",
    "WEAK_PW": "acme-acme",
    "INSULA_DATABASE_URL": None,
    "INSULA_BASE_DOMAIN": "localhost",
}


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A running installation, to which the commands attach."""
    folder = Path(tempfile.mkdtemp(prefix="insula-cli-"))
    folder.chmod(0o755)
    with open_server(folder / "data"):
        yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def run(data_dir: Path) -> Run:
    """The command, on that installation."""

    def run(*args: str, stdin: str = "") -> Result:
        command = ["--data-dir", str(data_dir), *args]
        return CliRunner().invoke(app, command, input=stdin, env=ENVIRONMENT)

    return run


@pytest.fixture(scope="module")
def ask(run: Run) -> Callable[..., Any]:
    """The command with ``--json``: what it says, and with which exit code."""

    def ask(*args: str, code: int = 0) -> Any:
        done = run(*args, "--json")
        assert done.exit_code == code, done.stderr
        assert done.stderr == ""
        return json.loads(done.stdout)

    return ask


@pytest.mark.parametrize("isolation", list(Isolation))
def test_a_tenant_is_made_shown_and_purged(
    ask: Callable[..., Any], isolation: Isolation
) -> None:
    slug = f"acme-{isolation}"
    made = ask(
        *("tenants", "create", slug, "--name", "Acme", "--isolation", isolation),
        *("--owner", "owner@acme.test", "--password-env", "ACME_PW"),
    )
    assert (made["slug"], made["status"]) == (slug, "active")
    assert made["isolation"] == isolation
    assert ask("tenants", "show", slug) == ask("tenants", "show", made["id"]) == made
    assert slug in [it["slug"] for it in ask("tenants", "list")]
    assert ask("tenants", "delete", slug, "--yes")["state"] == "deleting"
    assert ask("tenants", "purge", slug, "--yes")["state"] == "purged"
    problem = ask("tenants", "show", slug, code=1)
    assert problem["success"] is False
    assert problem["error"]["code"] == "TENANT_NOT_FOUND"


def test_a_person_sees_the_steps_on_stderr_and_the_result_on_stdout(run: Run) -> None:
    done = run("tenants", "create", "seen", "--name", "Seen [1]")
    assert done.exit_code == 0
    steps = ("reserve", "place", "build", "seed", "domains", "subscribe", "activate")
    assert [line.split()[1] for line in done.stderr.splitlines()] == list(steps)
    assert "seen.localhost" in done.stdout
    assert "Seen [1]" in done.stdout


def test_what_is_refused_says_why_and_exits_with_one(
    run: Run, ask: Callable[..., Any]
) -> None:
    create = ("tenants", "create")
    weak = ("--owner", "o@acme.test", "--password-env", "WEAK_PW")
    missing = ("--owner", "o@acme.test", "--password-env", "NO_PW")
    refused = {
        "SLUG_RESERVED": (*create, "admin", "--name", "A"),
        "PASSWORD_WEAK": (*create, "acme", "--name", "A", *weak),
        "VARIABLE_MISSING": (*create, "acme", "--name", "A", *missing),
        "TENANT_NOT_FOUND": ("tenants", "resume", "nobody"),
        "APP_UNKNOWN": ("apps", "install", "nope", "--tenant", "seen", "--yes"),
    }
    for code, command in refused.items():
        assert ask(*command, code=1)["error"]["code"] == code
    done = run(*create, "admin", "--name", "A")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "reserved" in done.stderr


def test_a_tenant_is_suspended_resumed_and_restored(ask: Callable[..., Any]) -> None:
    ask("tenants", "create", "life", "--name", "Life")
    suspended = ask("tenants", "suspend", "life", "--reason", "unpaid")
    assert (suspended["status"], suspended["reason"]) == ("suspended", "unpaid")
    assert ask("tenants", "resume", "life")["status"] == "active"
    ask("tenants", "delete", "life", "--yes")
    assert ask("tenants", "restore", "life")["status"] == "active"
    assert ask("tenants", "delete", "life", "--now", "--yes")["state"] == "purged"


def test_an_app_is_installed_and_taken_away(ask: Callable[..., Any]) -> None:
    ask("tenants", "create", "user", "--name", "User")
    of_user = ("--tenant", "user", "--yes")
    assert ask("apps", "install", "maintenance", *of_user)["status"] == "active"
    assert ask("tenants", "show", "user")["apps"] == {"maintenance": "active"}
    assert ask("apps", "uninstall", "maintenance", *of_user)["status"] == "disabled"
    assert "maintenance" in [it["app"] for it in ask("apps", "list")]


def test_nothing_is_purged_without_a_yes(run: Run, ask: Callable[..., Any]) -> None:
    ask("tenants", "create", "kept", "--name", "Kept")
    assert run("tenants", "delete", "kept", "--now", stdin="n\n").exit_code == 1
    assert ask("tenants", "show", "kept")["status"] == "active"


def test_the_standard_plans_are_there(ask: Callable[..., Any]) -> None:
    assert [it["slug"] for it in ask("plans", "list")][:2] == ["free", "standard"]
