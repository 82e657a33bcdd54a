"""Apps: what a package of resources tells the platform about itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from insula.kernel.resource.declaration import Resource
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

    It may be killed at any line and run twice: whatever it writes must be safe
    against that, usually by ``add_missing`` over a ``Unique`` rule.
    """

    name: str
    every: timedelta
    run: Callable[[WorkContext], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class App:
    """An installable package of resources.

    ``roles`` are ``<app>.<role>`` and what each grants.
    """

    name: str
    title: str
    version: str
    folder: Path
    resources: Sequence[Resource[Any]]
    views: Sequence[View] = ()
    schedules: Sequence[Schedule] = ()
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    demo: Callable[[WorkContext], Awaitable[None]] | None = None

    def role_grants(self) -> dict[str, Sequence[str]]:
        """The app's roles by their full names."""
        return {f"{self.name}.{role}": it for role, it in self.roles.items()}
