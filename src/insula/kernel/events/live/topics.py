"""Topics: which events somebody asked for, by their names."""

import re
from collections.abc import Iterable

from insula.kernel.foundation.errors import BadRequest

MOST = 20
MOST_KNOWN = 1_000
PATTERN = re.compile(r"(?:[a-z0-9_]+|\*)(?:\.(?:[a-z0-9_]+|\*)){0,5}", re.ASCII)


class BadTopics(BadRequest):
    """Name at most {most} events such as maintenance.asset.down or maintenance.*."""

    code = "INVALID_TOPICS"


class Topics:
    """Patterns of names: ``*`` stands for one part, at the end for all that follows.

    Without any pattern every event is meant.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._patterns = tuple(tuple(it.split(".")) for it in patterns)
        self._known: dict[str, bool] = {}

    def hold(self, name: str) -> bool:
        """Whether an event of that name is meant."""
        if not self._patterns:
            return True
        known = self._known.get(name)
        if known is None:
            parts = name.split(".")
            known = any(_fits(pattern, parts) for pattern in self._patterns)
            if len(self._known) < MOST_KNOWN:
                self._known[name] = known
        return known


def parse_topics(text: str | None) -> Topics:
    """The topics of a query such as ``maintenance.*,user.created``."""
    if text is None:
        return Topics()
    patterns = text.split(",")
    if len(patterns) > MOST or not all(map(PATTERN.fullmatch, patterns)):
        raise BadTopics(most=MOST)
    return Topics(patterns)


def _fits(pattern: tuple[str, ...], parts: list[str]) -> bool:
    if len(parts) < len(pattern):
        return False
    if len(parts) > len(pattern) and pattern[-1] != "*":
        return False
    pairs = zip(pattern, parts, strict=False)
    return all(wanted in ("*", part) for wanted, part in pairs)
