"""The import contracts catch each kind of import that the architecture forbids."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PACKAGES = (
    "",
    "cli",
    "server",
    "apps",
    "apps/crm",
    "apps/sites",
    "sdk",
    "kernel",
    *(f"kernel/{name}" for name in ("foundation", "database", "cache", "mail")),
    *(f"kernel/{name}" for name in ("events", "jobs", "access", "catalog", "plans")),
)
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def layered(root: Path) -> Path:
    """A house with the project's own rules and nothing in its rooms."""
    for package in PACKAGES:
        room = root / "insula" / package
        room.mkdir(parents=True)
        (room / "__init__.py").touch()
    (root / "pyproject.toml").write_text((PROJECT / "pyproject.toml").read_text())
    return root


def lint(root: Path) -> tuple[int, str]:
    """Run import-linter on this tree, which hides the installed one."""
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_imports_that_point_down_are_allowed(tmp_path: Path) -> None:
    house = layered(tmp_path)
    (house / "insula/apps/crm/deals.py").write_text("import insula.sdk\n")
    (house / "insula/sdk/model.py").write_text("import insula.kernel.database\n")
    (house / "insula/kernel/events/outbox.py").write_text("import insula.kernel.jobs\n")
    status, output = lint(house)
    assert status == 0, output


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("sdk", "apps"),
        ("server", "cli"),
        ("kernel.foundation", "kernel.database"),
        ("kernel.access", "kernel.catalog"),
        ("kernel.catalog", "kernel.plans"),
        ("kernel.cache", "kernel.mail"),
        ("apps.crm", "apps.sites"),
        ("apps.crm", "kernel.database"),
    ],
)
def test_an_import_against_the_layers_is_refused(
    tmp_path: Path, importer: str, imported: str
) -> None:
    house = layered(tmp_path)
    module = house / "insula" / importer.replace(".", "/") / "fault.py"
    module.write_text(f"import insula.{imported}\n")
    status, output = lint(house)
    assert status != 0
    assert f"insula.{importer}.fault -> insula.{imported}" in output


@pytest.mark.parametrize(
    ("importer", "library"),
    [("apps.crm", "asyncpg"), ("kernel.foundation", "sqlalchemy")],
)
def test_a_library_that_belongs_elsewhere_is_refused(
    tmp_path: Path, importer: str, library: str
) -> None:
    house = layered(tmp_path)
    module = house / "insula" / importer.replace(".", "/") / "fault.py"
    module.write_text(f"import {library}\n")
    status, output = lint(house)
    assert status != 0
    assert f"insula.{importer}.fault -> {library}" in output


def test_a_package_without_a_layer_is_refused(tmp_path: Path) -> None:
    house = layered(tmp_path)
    room = house / "insula/kernel/attic"
    room.mkdir()
    (room / "__init__.py").touch()
    status, output = lint(house)
    assert status != 0
    assert "attic" in output
