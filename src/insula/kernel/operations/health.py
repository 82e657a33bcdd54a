"""Health: whether what the process depends on answers, asked seldom, told often."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from insula.kernel.operations.lifecycle import Lifecycle

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

KEPT = 1.0
"""Seconds for which a finding is told again instead of asking again."""
WATCHED = 5.0
"""Seconds between looks when nobody asks."""

Probe = Callable[[], Awaitable[Mapping[str, object]]]


@dataclass(frozen=True, slots=True)
class Check:
    """A dependency and how to ask it; the process is unhealthy without a critical one."""

    name: str
    probe: Probe
    critical: bool = True
    timeout: float = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; it tells figures, never an error's text."""

    name: str
    ok: bool
    critical: bool
    milliseconds: float
    details: Mapping[str, object] = field(default_factory=dict)

    def told(self) -> Mapping[str, object]:
        """The finding as it is published."""
        return {
            "status": "up" if self.ok else "down",
            "critical": self.critical,
            "ms": self.milliseconds,
            **self.details,
        }


class Health:
    """Runs the checks, keeps each finding for a moment, and moves the life's state.

    However many probes ask at once, a dependency is asked once.
    """

    def __init__(
        self, checks: Sequence[Check], lifecycle: Lifecycle, *, kept: float = KEPT
    ) -> None:
        self._checks = {check.name: check for check in checks}
        self._lifecycle, self._kept = lifecycle, kept
        self._found: dict[str, tuple[float, Finding]] = {}
        self._asking: dict[str, asyncio.Task[Finding]] = {}
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look from now on, asked or not, so that the state is true (S2-67)."""
        self._watch = asyncio.create_task(self._look_on())

    async def stop(self) -> None:
        """Look no more."""
        watch = [] if self._watch is None else [self._watch]
        for task in (*watch, *self._asking.values()):
            task.cancel()
        await asyncio.gather(*watch, *self._asking.values(), return_exceptions=True)

    async def look(self) -> Sequence[Finding]:
        """Every finding of now; they decide whether the process is healthy."""
        found = await asyncio.gather(*map(self._find, self._checks.values()))
        self._lifecycle.judge(healthy=all(it.ok for it in found if it.critical))
        return found

    async def find(self, name: str) -> Finding | None:
        """The finding of one check, None if there is no such check."""
        check = self._checks.get(name)
        return None if check is None else await self._find(check)

    async def _find(self, check: Check) -> Finding:
        kept = self._found.get(check.name)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        task = self._asking.get(check.name)
        if task is None:
            task = self._asking[check.name] = asyncio.create_task(self._ask(check))
        return await asyncio.shield(task)

    async def _ask(self, check: Check) -> Finding:
        began = time.perf_counter()
        details: Mapping[str, object] = {}
        try:
            async with asyncio.timeout(check.timeout):
                details = await check.probe()
            trouble = None
        except Exception as error:  # noqa: BLE001  # whatever it is, the dependency is down
            trouble = type(error).__name__
        milliseconds = round((time.perf_counter() - began) * 1000, 2)
        ok = trouble is None
        finding = Finding(check.name, ok, check.critical, milliseconds, details)
        self._note(finding, trouble)
        self._found[check.name] = time.monotonic() + self._kept, finding
        self._asking.pop(check.name, None)
        return finding

    def _note(self, finding: Finding, trouble: str | None) -> None:
        before = self._found.get(finding.name)
        if (before is None or before[1].ok) and trouble is not None:
            logger.error("health.down", check=finding.name, error=trouble)
        elif before is not None and not before[1].ok and finding.ok:
            logger.info("health.up", check=finding.name)

    async def _look_on(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(WATCHED)
