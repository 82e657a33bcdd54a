"""Labelling: what the parts of a report are called, in English and in other languages."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from insula.kernel.foundation.currencies import exponent
from insula.kernel.resource.measuring import Grouping, Measured
from insula.kernel.resource.meta.labels import choices_of, field_label, label_of
from insula.kernel.resource.querying.conditions import kind_of
from insula.kernel.resource.reports.declaration import Axis, Report, Scale
from insula.kernel.resource.reports.views import ReportAxis, ReportRow, ReportScale
from insula.kernel.resource.shape import Facet

COUNT = "count"
CHOICE, REFERENCE, CURRENCY = "choice", "reference", "currency"
KINDS = {"uuid": REFERENCE, "bpchar": CURRENCY, "enum": CHOICE}
"""By what a field holds: what a dimension is; others are called as their values are."""

Say = Callable[[str], str]
"""A label of ours in the language of the answer."""


def axis_of(facet: Facet, group: Grouping) -> ReportAxis:
    """A dimension of a field."""
    kind = KINDS.get(kind_of(facet), kind_of(facet))
    if choices_of(facet.annotation, facet.field.choices):
        kind = CHOICE
    label = field_label(group.field)
    return ReportAxis(name=group.name, label=label, kind=group.period or kind)


def scale_of(measure: Measured) -> ReportScale:
    """A measure, called by its name or else by its field."""
    named = "(" not in measure.name or measure.field is None
    label = label_of(measure.name) if named else field_label(measure.field or "")
    return ReportScale(
        name=measure.name, label=label, unit=measure.unit, currency=measure.currency
    )


def of_axis(axis: Axis) -> ReportAxis:
    """A dimension that a function names."""
    return ReportAxis(name=axis.name, label=field_label(axis.name), kind=axis.kind)


def of_scale(scale: Scale) -> ReportScale:
    """A measure that a function names."""
    label = label_of(scale.name)
    return ReportScale(
        name=scale.name, label=label, unit=scale.unit, currency=scale.currency
    )


def spoken(report: Report) -> Iterator[str]:
    """All that a report says that is no name of a field, nor the count of its rows."""
    yield report.title
    yield from (field_label(it.name) for it in report.axes)
    yield from (label_of(it.name) for it in report.scales)
    for measure in report.measures:
        if measure.name is not None:
            yield label_of(measure.name)


def say_choices(
    axes: Iterable[ReportAxis], rows: Iterable[ReportRow], say: Say
) -> None:
    """Put beside each choice what people call it."""
    names = [it.name for it in axes if it.kind == CHOICE]
    for row in rows:
        for name in names:
            value = row.group.get(name)
            if isinstance(value, str):
                row.labels.setdefault(name, say(label_of(value)))


def digits_of(axes: Iterable[ReportAxis], rows: Sequence[ReportRow]) -> dict[str, int]:
    """By currency of the rows: how many digits its minor unit has."""
    names = [it.name for it in axes if it.kind == CURRENCY]
    codes = {row.group.get(name) for row in rows for name in names}
    return {it: exponent(it) for it in sorted(map(str, codes - {None}))}
