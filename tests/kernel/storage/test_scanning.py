"""A scanner judges before anybody can have the file, and silence is no judgement."""

import sys
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from insula.kernel.storage.scanning import (
    EICAR,
    CommandScanner,
    Finding,
    NullScanner,
    ScannerAway,
    Verdict,
)

pytestmark = pytest.mark.anyio
PROGRAM = """
import sys
harmful = b"EICAR" in sys.stdin.buffer.read()
print("stream: Win.Test.EICAR_HDB-1 FOUND" if harmful else "stream: OK")
sys.exit(harmful)
"""


@pytest.fixture
def file() -> Iterator[BinaryIO]:
    """A file to be judged, read to its end already."""
    with tempfile.TemporaryFile() as file:
        yield file


async def test_without_a_scanner_the_test_file_is_found(file: BinaryIO) -> None:
    file.write(EICAR + b"\n")
    assert (await NullScanner().scan(file)).verdict is Verdict.infected


async def test_without_a_scanner_nothing_is_called_clean(file: BinaryIO) -> None:
    file.write(b"a text about " + EICAR + b" and more" * 20)
    assert await NullScanner().scan(file) == Finding(Verdict.unscanned)


async def test_a_program_judges_by_how_it_ends(file: BinaryIO) -> None:
    scanner = CommandScanner([sys.executable, "-c", PROGRAM])
    file.write(b"harmless")
    file.flush()
    assert await scanner.scan(file) == Finding(Verdict.clean)
    file.write(EICAR)
    file.flush()
    found = await scanner.scan(file)
    assert found == Finding(Verdict.infected, "Win.Test.EICAR_HDB-1")


@pytest.mark.parametrize(
    "command",
    [
        ["/no/such/program"],
        [sys.executable, "-c", "raise SystemExit(2)"],
        [sys.executable, "-c", "import time; time.sleep(60)"],
    ],
)
async def test_a_scanner_that_does_not_answer_lets_nothing_in(
    file: BinaryIO, command: list[str]
) -> None:
    """Neither missing, nor failing, nor hanging is the same as clean."""
    with pytest.raises(ScannerAway):
        await CommandScanner(command, timeout=0.5).scan(file)
