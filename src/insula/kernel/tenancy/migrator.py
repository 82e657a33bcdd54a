"""The migrator: brings every home to the code's version, whatever becomes of one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from insula.kernel.database.home import Home
from insula.kernel.tenancy.homes import Homes


@dataclass(frozen=True, slots=True)
class Progress:
    """One more home is done; ``error`` says why it could not be migrated."""

    done: int
    total: int
    home: Home
    error: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """What a run of the migrator did; ``failed`` is each home with its error."""

    migrated: int
    failed: tuple[tuple[Home, str], ...]


async def migrate_all(
    homes: Homes,
    *,
    parallel: int,
    progress: Callable[[Progress], None] | None = None,
) -> Report:
    """Migrate the template and then every home that is not current.

    Current homes are not opened. Each home is on its own: one that fails keeps its
    error and is tried again by the next run, as are those that a killed run left.
    """
    await homes.prepare_template()
    stale = await homes.stale()
    waiting = iter(stale)
    failed: list[tuple[Home, str]] = []
    done = 0

    async def work() -> None:
        nonlocal done
        for home in waiting:
            error = await _try(homes, home)
            done += 1
            if error is not None:
                failed.append((home, error))
            if progress is not None:
                progress(Progress(done, len(stale), home, error))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(parallel, len(stale))):
            group.create_task(work())
    return Report(len(stale) - len(failed), tuple(failed))


async def _try(homes: Homes, home: Home) -> str | None:
    try:
        await homes.migrate(home)
    except Exception as error:  # noqa: BLE001  # a step may raise anything; the other homes go on
        reason = f"{type(error).__name__}: {error}"
        await homes.report_failure(home, reason)
        return reason
    return None
