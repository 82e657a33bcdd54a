"""Apps: what a package of resources tells the platform about itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from croniter import croniter
from pydantic import BaseModel

from insula.kernel.resource.commands import AppCommand
from insula.kernel.resource.declaration import DeclarationError, Event, Resource
from insula.kernel.resource.notification import NotificationKind
from insula.kernel.resource.reports.declaration import Report
from insula.kernel.resource.tasks import Reaction, Task
from insula.kernel.resource.unit import WorkContext


@dataclass(frozen=True, slots=True)
class View:
    """Something to read that is no list of rows, at ``GET /api/v1/<app>/<path>``.

    ``cached`` is how long an answer may be kept for its tenant; it is dropped as soon
    as any row of the app changes. It is kept under ``<cache_key>:<tenant>``, by default
    ``<app>.<path>:<tenant>``; no two views have one key.
    """

    path: str
    run: Callable[[WorkContext], Awaitable[BaseModel]]
    answer: type[BaseModel]
    summary: str
    cached: timedelta | None = None
    cache_key: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Work that an app does for each of its tenants again and again.

    Either ``every`` so often, or at the times of a ``cron`` line in the tenant's time
    zone. Runs that were missed are made up for by one. It may be killed at any line
    and run twice: whatever it writes must be safe against that, usually by
    ``add_missing`` over a ``Unique`` rule.
    """

    name: str
    every: timedelta | None = None
    run: Callable[[WorkContext], Awaitable[None]] = field(kw_only=True)
    cron: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what would never run, or not be known when."""
        if (self.every is None) == (self.cron is None):
            raise DeclarationError(f"{self.name}: say either `every` or `cron`")
        if self.cron is not None and not croniter.is_valid(self.cron):
            raise DeclarationError(f"{self.name}: '{self.cron}' is no cron line")

    @property
    def rhythm(self) -> str:
        """When it runs, in words for people."""
        return self.cron or str(self.every)

    def following(self, moment: datetime, zone: tzinfo) -> datetime:
        """The first time to run after a moment, in UTC."""
        if self.every is not None:
            return moment + self.every
        assert self.cron is not None
        local = croniter(self.cron, moment.astimezone(zone)).get_next(datetime)
        found: datetime = local.astimezone(UTC)
        return found


@dataclass(frozen=True, kw_only=True)
class App:
    """A package of resources, which tenants install.

    ``roles`` are ``<app>.<role>`` and what each grants. One that is there ``always``
    every tenant has: a service, whose tables are the kernel's, or a base app, which is
    announced as other apps are and has migrations of its own. Whatever a base app
    offers, others may count on, so that they may refer to its rows. The ``demo`` of a
    base app runs again and again, and does nothing where there are rows.
    """

    name: str
    title: str
    version: str
    folder: Path
    resources: Sequence[Resource[Any]]
    views: Sequence[View] = ()
    reports: Sequence[Report] = ()
    schedules: Sequence[Schedule] = ()
    tasks: Sequence[Task] = ()
    reactions: Sequence[Reaction] = ()
    events: Sequence[type[Event]] = ()
    commands: Sequence[AppCommand] = ()
    notifications: Sequence[NotificationKind] = ()
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    demo: Callable[[WorkContext], Awaitable[None]] | None = None
    always: bool = False

    def role_grants(self) -> dict[str, Sequence[str]]:
        """The app's roles by their full names."""
        return {f"{self.name}.{role}": it for role, it in self.roles.items()}
