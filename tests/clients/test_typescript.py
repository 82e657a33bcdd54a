"""The TypeScript client: its own tests, and its types where the compiler is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "clients/typescript"
NODE, COMPILER = shutil.which("node"), FOLDER / "node_modules/.bin/tsc"


def run(*command: str) -> None:
    """Run something in the client's folder, which must succeed."""
    made = subprocess.run(
        command, cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.mark.skipif(NODE is None, reason="Node.js is not on PATH")
def test_the_client_does_what_its_own_tests_say() -> None:
    run(str(NODE), "--test", "test/")


@pytest.mark.skipif(not COMPILER.exists(), reason="`npm install` was not run there")
def test_its_types_accept_what_is_right_and_nothing_else() -> None:
    run(str(COMPILER), "--project", "tsconfig.json")
