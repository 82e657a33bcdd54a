"""The declaration of a report: what is worked out, by what, and how it is drawn."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement

from insula.kernel.resource.declaration import DeclarationError, Resource
from insula.kernel.resource.measures import Dimension, Measure
from insula.kernel.resource.measuring import Unit
from insula.kernel.resource.rules import Attribute
from insula.kernel.resource.unit import WorkContext

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
KEPT = timedelta(minutes=5)


class Chart(StrEnum):
    """How a report is drawn."""

    bar = "bar"
    line = "line"
    area = "area"
    funnel = "funnel"
    number = "number"
    table = "table"
    heatmap = "heatmap"


@dataclass(frozen=True, slots=True)
class Axis:
    """A dimension of a report that a function works out; ``kind``: ``text``, ``month``."""

    name: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Scale:
    """A measure of a report that a function works out.

    Money is in minor units, and ``currency`` the axis that says of which currency.
    """

    name: str
    unit: Unit = Unit.number
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of a report: where it stands on each axis, and what is there.

    ``labels`` are what people call values of axes.
    """

    group: Mapping[str, Any]
    measures: Mapping[str, int | float | None]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a function works out; ``totals`` are without a group, but for a currency."""

    rows: Sequence[Figure]
    totals: Sequence[Figure] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when a report is asked for: days that both count, in a zone."""

    since: date | None
    until: date | None
    zone: str

    @property
    def begin(self) -> datetime | None:
        """The first moment of it."""
        return None if self.since is None else self._midnight(self.since)

    @property
    def end(self) -> datetime | None:
        """The first moment after it."""
        if self.until is None:
            return None
        return self._midnight(self.until) + timedelta(days=1)

    def _midnight(self, day: date) -> datetime:
        """When a day begins there; what is beyond all calendars is brought in."""
        near = min(max(day, date(2, 1, 1)), date(9998, 12, 30))
        return datetime.combine(near, time(), ZoneInfo(self.zone))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Something worked out of many rows, at ``GET /api/v1/<app>/reports/<name>``.

    Of the rows of a ``resource`` that meet ``where``: ``measures`` in groups by
    ``dimensions``, for whoever may read rows of it, over the rows that they reach. One
    from whom a field is hidden that the report tells of does not have the report.
    ``?from=`` and ``?to=`` are about ``period``. ``sort`` names measures and
    dimensions, ``-`` turns: ``sort=("-count",)``.

    What a declaration cannot say is worked out by ``run``, of the ``axes`` and
    ``scales`` that it names. It is for those who may read all rows of every field of
    ``reads``, their own as well where it is ``scoped`` and so asks ``ctx.visible``.

    A ``card`` stands on everybody's dashboard. Answers are kept for ``cached``, until
    any row of the tenant changes.
    """

    name: str
    title: str
    resource: Resource[Any]
    chart: Chart
    measures: Sequence[Measure] = ()
    dimensions: Sequence[Dimension] = ()
    where: ColumnElement[bool] | None = None
    period: Attribute | None = None
    sort: Sequence[str] = ()
    limit: int = 100
    run: Callable[[WorkContext, Span], Awaitable[Figures]] | None = None
    axes: Sequence[Axis] = ()
    scales: Sequence[Scale] = ()
    reads: Sequence[Attribute] = ()
    scoped: bool = False
    card: bool = False
    cached: timedelta | None = KEPT

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, when the app loads."""
        if not NAME.fullmatch(self.name):
            raise DeclarationError(f"'{self.name}' is no name of a report")
        declared = self.measures or self.dimensions or self.where is not None
        worked_out = self.axes or self.scales or self.reads or self.scoped
        if self.run is None and (worked_out or not self.measures):
            raise DeclarationError(f"report {self.name}: say measures, or `run`")
        if self.run is not None and (declared or not (self.scales and self.reads)):
            words = "`run` goes with scales and what it reads"
            raise DeclarationError(f"report {self.name}: {words}")

    @property
    def path(self) -> str:
        """The last part of its address."""
        return self.name.replace("_", "-")
