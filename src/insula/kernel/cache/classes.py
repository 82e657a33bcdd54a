"""The classes of what is kept: each says for how long, and who is to be told apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

NOTHING_FOR = 60.0
"""Seconds for which it is kept, at most, that there is nothing."""
LONGEST = 86_400.0
"""Seconds after which nothing is kept any more, whatever was asked."""


class CacheClass(StrEnum):
    """What kind of answer it is (R15)."""

    route = "route"
    """Answers to the public alone: plans, catalog, sites."""
    model = "model"
    query = "query"
    api = "api"
    """Answers of the API to those who are signed in."""
    config = "config"
    session = "session"
    dashboard = "dashboard"

    @property
    def ttl(self) -> float:
        """Seconds for which an answer of the class is good."""
        return SECONDS[self]


SECONDS: Mapping[CacheClass, float] = {
    CacheClass.route: 3600,
    CacheClass.model: 900,
    CacheClass.query: 300,
    CacheClass.api: 300,
    CacheClass.config: LONGEST,
    CacheClass.session: 3600,
    CacheClass.dashboard: 300,
}


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a value is kept: its class, the tags that drop it, a shorter or longer time."""

    kind: CacheClass
    tags: tuple[str, ...] = ()
    ttl: float | None = None

    def __post_init__(self) -> None:
        for tag in self.tags:
            if not tag.replace("_", "").isalnum():
                raise ValueError(f"{tag!r} is no tag: letters, digits and _ alone")

    def seconds(self, value: bytes | None) -> float:
        """For how long this value may be kept."""
        ttl = min(self.kind.ttl if self.ttl is None else self.ttl, LONGEST)
        return min(ttl, NOTHING_FOR) if value is None else ttl
