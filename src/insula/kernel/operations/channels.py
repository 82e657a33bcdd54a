"""Channels: where log lines go, to the process's error stream and to a tenant's file."""

import asyncio
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from uuid import UUID

PAUSE = 0.1
"""Seconds between two writings of what was noted."""
MOST = 50_000
"""Lines kept while the stream does not take any; more are lost and counted."""
NAME = "insula.log"

Line = tuple[bytes, UUID | None]


def write_to_stderr(text: bytes) -> None:
    """Write bytes to the process's error stream at once."""
    sys.stderr.buffer.write(text)
    sys.stderr.buffer.flush()


class Channels:
    """Collects lines and writes them in bunches, in their order.

    With a folder, each line goes to ``central/`` or ``tenants/<id>/`` in it as well
    (S1-45, S1-71); files are opened for each bunch, so they may be rotated by
    renaming them.
    """

    def __init__(
        self,
        folder: Path | None = None,
        stream: Callable[[bytes], None] = write_to_stderr,
    ) -> None:
        self._folder, self._stream = folder, stream
        self._lines: deque[Line] = deque()
        self._writing = threading.Lock()
        self._task: asyncio.Task[None] | None = None
        self.lost = 0

    @property
    def waiting(self) -> int:
        """How many lines are not written yet."""
        return len(self._lines)

    def add(self, line: bytes, tenant_id: UUID | None) -> None:
        """Take a line, to be written soon."""
        if len(self._lines) >= MOST:
            self.lost += 1
            return
        self._lines.append((line, tenant_id))

    def write(self, line: bytes, tenant_id: UUID | None) -> None:
        """Write a line now, after those that wait; later if a writing is under way."""
        self.add(line, tenant_id)
        if self._writing.acquire(blocking=False):
            try:
                self._write_all()
            finally:
                self._writing.release()

    async def start(self) -> None:
        """Write what is added from now on, until ``stop``."""
        self._task = asyncio.create_task(self._flush_on())

    async def stop(self) -> None:
        """Write the rest, and no more on its own."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self.flush()

    async def _flush_on(self) -> None:
        while True:
            await asyncio.sleep(PAUSE)
            if self._lines:
                # In a thread: a stream that nobody reads must not stop the requests.
                await asyncio.to_thread(self.flush)

    def flush(self) -> None:
        """Write all that waits."""
        with self._writing:
            self._write_all()

    def _write_all(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if not lines:
            return
        try:
            self._stream(_joined(line for line, _ in lines))
            if self._folder is not None:
                _file(self._folder, lines)
        except (OSError, ValueError):  # a full disk, a closed stream
            self.lost += len(lines)


def _joined(lines: Iterable[bytes]) -> bytes:
    return b"\n".join((*lines, b""))


def _file(folder: Path, lines: Iterable[Line]) -> None:
    rooms: dict[str, list[bytes]] = defaultdict(list)
    for line, tenant_id in lines:
        rooms["central" if tenant_id is None else f"tenants/{tenant_id}"].append(line)
    for name, theirs in rooms.items():
        room = folder / name
        room.mkdir(parents=True, exist_ok=True)
        with (room / NAME).open("ab") as file:
            file.write(_joined(theirs))
