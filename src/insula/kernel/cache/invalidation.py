"""Invalidation: which event makes what stale, and how other processes hear of it."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from insula.kernel.cache.lru import EVERYTHING
from insula.kernel.foundation.ids import parse_uuid

USERS, ROLES, INSTALLATIONS = "users", "roles", "installations"
SETTINGS, ROWS = "settings", "rows"
"""``rows``: all that was worked out from rows of whatever app."""

BY_SUBJECT: Mapping[str, str] = {
    "tenant": EVERYTHING,
    "user": USERS,
    "role": ROLES,
    "installation": INSTALLATIONS,
}
"""The first word of an event's name and what it drops; of all others, their own tag."""

CHANGED, UNTOLD, TENANT = "cache", "uncached", "tenant"
"""Notices: dropped everywhere; the same where the shared level could not be told;
and that the register of tenants has changed."""
WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Stale(NamedTuple):
    """What is stale, and by whose word; the text of a notice."""

    tenant_id: UUID
    tag: str
    origin: str

    def __str__(self) -> str:
        return f"{self.tenant_id}:{self.tag}:{self.origin}"


def tag_for(event: str) -> str:
    """The tag that an event drops.

    ``user.created``, ``users.user.created`` and ``UserCreated`` are about users,
    ``maintenance.asset.created`` about the app, and what happens to a tenant itself,
    such as ``tenant.settings.updated``, is about all that it has.
    """
    subject = WORDS.split(event.partition(".")[0])[0].lower()
    return BY_SUBJECT.get(subject) or BY_SUBJECT.get(subject.removesuffix("s"), subject)


def read_notice(topic: str) -> tuple[str, Stale] | None:
    """What kind of notice it is and what is stale; None if it is not about that."""
    kind, _, rest = topic.partition(":")
    if kind not in (CHANGED, UNTOLD, TENANT):
        return None
    name, _, rest = rest.partition(":")
    tenant_id = parse_uuid(name)
    if tenant_id is None:
        return None
    tag, _, origin = rest.partition(":")
    return kind, Stale(tenant_id, tag or EVERYTHING, origin)


class _Named(Protocol):
    @property
    def name(self) -> str:
        """What happened."""


class Drops(Protocol):
    """Whoever drops what an event makes stale."""

    def invalidate(self, tenant_id: UUID, event: str) -> None:
        """An event has happened to a tenant."""


class Invalidator:
    """A subscriber of all events that causes no jobs, but drops what they make stale.

    Who writes drops at once; this is for the process that died before its notice.
    """

    def __init__(self, cache: Drops) -> None:
        self._cache = cache

    async def jobs_for(
        self,
        transaction: object,  # noqa: ARG002  # a subscriber is given one
        tenant_id: UUID,
        events: Sequence[_Named],
    ) -> tuple[()]:
        """Drop what became stale."""
        for name in {event.name for event in events}:
            self._cache.invalidate(tenant_id, name)
        return ()
