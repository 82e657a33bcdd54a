"""``insula import`` understands its options, and hands back what is to be put right."""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from insula.cli.import_display import refusals
from insula.cli.importing import BadMappingFile, app, instructions_from
from insula.cli.main import app as main
from insula.kernel.database.embedded import open_server
from insula.kernel.foundation.errors import Invalid
from insula.kernel.resource.imports.csv_reading import CsvFile
from insula.kernel.resource.imports.rows import RowError
from insula.kernel.resource.imports.tables import Row
from insula.kernel.resource.spreadsheets import harmless, meant

TOML = """
key = ["tag"]
time_zone = "Europe/Berlin"
[map]
tag = "machineID"
name = "Machine {machineID}"
"""
MACHINES = "machineID,model,age\n" + "".join(f"{it},m{it % 4},7\n" for it in range(700))


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


@given(text=st.text(max_size=8) | st.from_regex(r"'*[=+\-@\t\r].{0,5}"))
def test_no_spreadsheet_runs_a_cell_of_the_error_file(text: str) -> None:
    """CSV injection; numbers are no formulas and stay what they are (pitfall 37)."""
    cell = harmless(text)
    if cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        float(cell.replace(",", "."))
    assert meant(cell) == text


def test_refused_rows_are_written_down_with_their_cells(tmp_path: Path) -> None:
    path = tmp_path / "errors.csv"
    errors = [RowError(7, "name", "required", "It is required."),
              RowError(7, "", "ragged", "It is ragged.")]  # fmt: skip
    with refusals(path, ["tag", "=name"]) as refuse:
        refuse(Row(7, ["-5", "@SUM(A1)", "é"]), errors)
    with path.open(encoding="utf-8-sig", newline="") as written:
        assert list(csv.reader(written)) == [
            ["import line", "import error", "tag", "'=name"],
            ["7", "name: It is required.; row: It is ragged.", "-5", "'@SUM(A1)", "é"],
        ]
    with path.open("rb") as again:
        assert CsvFile(again).encoding == "utf-8-sig"


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_options_go_over_the_mapping_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"machines.{suffix}"
    as_json = (
        '{"key": ["tag"], "time_zone": "Europe/Berlin",'
        ' "map": {"tag": "machineID", "name": "Machine {machineID}"}}'
    )
    path.write_text(TOML if suffix == "toml" else as_json)
    said: dict[str, Any] = {
        "map": {"name": "model", "custom.age": "age"},
        "set": {},
        "key": None,
        "time_zone": None,
        "ignore_unknown": True,
    }
    found = instructions_from(path, said)
    assert found.map == {"tag": "machineID", "name": "model", "custom.age": "age"}
    assert found.key == ("tag",)
    assert found.time_zone == "Europe/Berlin"
    assert found.ignore_unknown


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("m.toml", "map = [", BadMappingFile),
        ("m.toml", "maps = {}", Invalid),
        ("m.toml", 'encoding = "zip"', Invalid),
        ("m.json", "[]", BadMappingFile),
        ("m.json", '{"map": ["a"]}', Invalid),
    ],
)
def test_a_mapping_file_that_makes_no_sense_is_refused(
    tmp_path: Path, name: str, text: str, problem: type[Exception]
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(problem):
        instructions_from(path, {"map": {"a": "b"}})


def test_a_wrong_option_ends_with_2_before_anything_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("tag\n1\n")
    asked = ("t.rows", str(path), "--tenant", "acme")
    assert run("t.rows", str(tmp_path / "none.csv"), "--tenant", "acme")[0] == 2
    assert run("t.rows", str(path))[0] == 2
    assert run(*asked, "--map", "tag")[0] == 2
    assert run(*asked, "--encoding", "zip")[0] == 2
    assert run(*asked, "--errors", str(path))[0] == 2
    path.write_bytes(b"")
    assert run(*asked)[0] == 2
    assert path.read_bytes() == b""


def test_a_file_is_loaded_once_and_its_bad_row_handed_back(tmp_path: Path) -> None:
    """The whole command, twice, on an installation of its own."""
    home = Path(tempfile.mkdtemp(prefix="insula-import-"))
    home.chmod(0o755)
    server = ExitStack()
    path, errors = tmp_path / "machines.csv", tmp_path / "errors.csv"
    path.write_text(MACHINES + "701\n")
    how = ("--map", "tag=machineID", "--map", "name=No {machineID}", "--key", "tag",
           "--map", "category=model", "--map", "custom.age=json:age")  # fmt: skip
    load = ("import", "maintenance.assets", str(path), "--tenant", "acme", *how)
    try:
        server.enter_context(open_server(home / "data"))
        assert here(home, "tenants", "create", "acme", "--name", "Acme")[0] == 0
        install = ("apps", "install", "maintenance", "--tenant", "acme", "--yes")
        assert here(home, *install)[0] == 0
        code, first = insula(home, *load, "--json", "--errors", str(errors))
        assert (code, json.loads(first)["created"]) == (1, 700)
        code, second = here(home, *load, "--json")
        assert (code, json.loads(second)["existing"]) == (1, 700)
        assert here(home, *load, "--key", "serial")[0] == 2
        _comes_back(home, tmp_path)
    finally:
        server.close()
        shutil.rmtree(home)
    assert errors.read_text("utf-8-sig").splitlines()[1].startswith('702,"row: The row')


def _comes_back(home: Path, folder: Path) -> None:
    """What is exported, as whatever it is, is imported again without a change."""
    whose = ("maintenance.assets", "--tenant", "acme")
    for name in ("assets.csv", "assets.xlsx", "assets.jsonl"):
        path = str(folder / name)
        code, told = here(home, "export", *whose, path, "--json")
        assert (code, json.loads(told)["rows"]) == (0, 700)
        again = ("import", *whose, path, "--match", "id", "--ignore-unknown", "--json")
        code, told = here(home, *again)
        report = json.loads(told)
        assert (code, report["existing"], report["updated"]) == (0, 700, 0), report
    path = str(folder / "wrong.csv")
    wrong = here(home, "export", *whose, path, "--query", "filter=nothing==1")
    assert wrong[0] == 1
    assert not list(folder.glob("*.part"))


def here(home: Path, *arguments: str) -> tuple[int, str]:
    """The same in this process, on the server that the test has started."""
    command = ["--data-dir", str(home / "data"), *arguments]
    done = CliRunner().invoke(main, command, env={"INSULA_DATABASE_URL": None})
    return done.exit_code, done.stdout


def insula(home: Path, *arguments: str) -> tuple[int, str]:
    """The command as a shell runs it: exit code, and what it said on stdout."""
    program = "from insula.cli.main import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--data-dir", str(home / "data"), *arguments],
        env={k: v for k, v in os.environ.items() if not k.startswith("INSULA_")},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout
