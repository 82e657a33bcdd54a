"""``insula operators``, as whoever installs the platform runs it."""

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
EMAIL = "grace@insula.test"


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """The command, on an installation of its own."""
    folder = Path(tempfile.mkdtemp(prefix="insula-cli-"))
    folder.chmod(0o755)
    environment = {"INSULA_DATABASE_URL": None, "OPS_PW": "a-good-long-passphrase"}

    def run(*args: str) -> Result:
        command = ["--data-dir", str(folder / "data"), "operators", *args]
        return CliRunner().invoke(app, command, env=environment)

    with open_server(folder / "data"):
        yield run
    shutil.rmtree(folder)


def test_the_first_operator_gets_all_that_an_app_must_know(run: Run) -> None:
    """S1-53, S1-96: made with a second factor, whose secret is printed this once."""
    made = run("create", EMAIL, "--password-env", "OPS_PW", "--json")
    assert made.exit_code == 0, made.output
    shown = json.loads(made.stdout)
    assert shown["otpauth_uri"].startswith("otpauth://totp/")
    assert shown["secret"] in shown["otpauth_uri"]
    assert len(shown["backup_codes"]) == 10
    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["email"], listed["permissions"]) == (EMAIL, ["*"])
    assert listed["second_factor"] is True
    assert shown["secret"] not in run("list", "--json").output
    again = run("create", EMAIL, "--password-env", "OPS_PW", "--json")
    assert (again.exit_code, "OPERATOR_EXISTS" in again.output) == (1, True)


def test_an_operator_is_managed_from_the_shell(run: Run) -> None:
    """S1-96: what they may do, whether they come in, and where they are."""
    other = "ada@insula.test"
    made = run("create", other, "--password-env", "OPS_PW", "--enrol-later",
               "--permission", "tenants.read", "--json")  # fmt: skip
    assert json.loads(made.stdout)["otpauth_uri"] is None
    wanted = ("--permission", "tenants.*", "--permission", "audit_logs.read")
    permitted = json.loads(run("permit", other, *wanted, "--json").stdout)
    assert permitted["permissions"] == ["audit_logs.read", "tenants.*"]
    assert json.loads(run("disable", other, "--json").stdout)["disabled_at"]
    assert json.loads(run("enable", other, "--json").stdout)["disabled_at"] is None
    for deed in (
        ("password", other, "--password-env", "OPS_PW"),
        ("reset-second-factor", other, "--yes"),
        ("sign-out", other),
        ("sessions", other),
        ("remove", other, "--yes"),
    ):
        assert run(*deed).exit_code == 0, deed
    assert "OPERATOR_UNKNOWN" in run("enable", other, "--json").output
    assert "OPERATOR_LAST" in run("disable", EMAIL, "--json").output
