"""Slowness: which statements took too long, and whose they were (S0-68).

A statement is told by its shape, never with its values: texts are written once for all
tenants, values travel beside them, and what is written into a text is taken out here.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping

import structlog

from insula.kernel.foundation.times import Labels

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

SLOW = 0.5
"""Seconds after which a statement is slow, unless the settings say otherwise."""
LONGEST = 500
"""Characters of a shape that are told."""
HOMES = re.compile(r"\btenant_[0-9a-f]{32}\.")
LITERALS = re.compile(r"'(?:[^']|'')*'|(?<![\w$])\d+(?:\.\d+)?\b")


def shape_of(text: str) -> str:
    """A statement without its literals and its home: the same for all tenants."""
    bare = LITERALS.sub("?", HOMES.sub("", text))
    return " ".join(bare.split())


class Slowness:
    """Counts and logs the statements of this process that took longer than ``after``."""

    def __init__(self, after: float = SLOW, most: int = 100) -> None:
        self.after = after
        self._labels = Labels(most)
        self._counts: dict[str, int] = defaultdict(int)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many there were, by the tenant's label."""
        return self._counts

    def note(self, text: str, whose: str | None, seconds: float) -> None:
        """Take note of a statement, unless it was fast after all."""
        if seconds <= self.after:
            return
        self._counts[self._labels[whose]] += 1
        shape = shape_of(text)
        words = {} if whose is None else {"tenant_id": whose}
        logger.warning(
            "database.slow",
            milliseconds=round(seconds * 1000, 1),
            shape=shape[:LONGEST],
            fingerprint=hashlib.sha256(shape.encode()).hexdigest()[:12],
            **words,
        )
