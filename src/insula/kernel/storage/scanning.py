"""Scanning: what is asked whether a file is harmful, before anybody can have it."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol

from insula.kernel.foundation.errors import Unavailable

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""The test file of all scanners, in two parts, so that this module is not taken for it."""
LONGEST_EICAR = 128
LONGEST_NAME = 200


class Verdict(StrEnum):
    """What was found out about a file."""

    unscanned = "unscanned"
    """Nobody was asked: this installation has no scanner."""
    clean = "clean"
    infected = "infected"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, and what the harmful thing is called."""

    verdict: Verdict
    name: str | None = None


class ScannerAway(Unavailable):
    """Files cannot be checked for harm at the moment, so none is taken."""

    code = "SCANNER_UNAVAILABLE"


class Scanner(Protocol):
    """Judges a file; it reads from the beginning, and raises if it cannot judge."""

    async def scan(self, file: BinaryIO) -> Finding:
        """What is in the file."""


class NullScanner:
    """Looks for nothing but the test file, so that what follows a find can be tried."""

    async def scan(self, file: BinaryIO) -> Finding:
        """Whether it is the test file; says of any other that it was not scanned."""
        file.seek(0)
        text = file.read(LONGEST_EICAR + 1)
        if text.startswith(EICAR) and len(text) <= LONGEST_EICAR:
            return Finding(Verdict.infected, "EICAR test file")
        return Finding(Verdict.unscanned)


class CommandScanner:
    """Hands the file to a program as its standard input, as ``clamdscan -`` takes it.

    It ends with 0 for a clean file and with 1 for a harmful one, whose name it may
    print; anything else means that the file was not judged.
    """

    def __init__(self, command: Sequence[str], *, timeout: float = 60.0) -> None:
        self._command, self._timeout = tuple(command), timeout

    async def scan(self, file: BinaryIO) -> Finding:
        """The program's verdict; raises ``ScannerAway``."""
        file.seek(0)
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=file.fileno(),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise ScannerAway from error
        try:
            async with asyncio.timeout(self._timeout):
                printed, _ = await process.communicate()
        except TimeoutError as error:
            raise ScannerAway from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())
        return _judge(process.returncode, printed)


def _judge(code: int | None, printed: bytes) -> Finding:
    if code == 0:
        return Finding(Verdict.clean)
    if code != 1:
        raise ScannerAway
    lines = printed.decode("utf-8", "replace").split("\n")
    named = next((it for it in lines if it.rstrip().endswith("FOUND")), "")
    name = named.rpartition(":")[2].strip().removesuffix("FOUND").strip()
    return Finding(Verdict.infected, name[:LONGEST_NAME] or None)
