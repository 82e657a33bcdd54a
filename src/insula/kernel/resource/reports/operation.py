"""The operations of reports: one for each, for whoever may read what it is about."""

from collections.abc import Iterator

from insula.kernel.access.features import feature_of
from insula.kernel.access.operation import Operation, Parameter
from insula.kernel.foundation.errors import NotFound
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.measures import Period
from insula.kernel.resource.querying.describing import (
    TEXT,
    selecting,
    trash_and_words,
)
from insula.kernel.resource.querying.problems import BadQuery
from insula.kernel.resource.reports.asking import BY, SINCE, UNTIL
from insula.kernel.resource.reports.reporting import Reporter
from insula.kernel.resource.reports.views import ReportView, schema_of

DAY = {**TEXT, "format": "date"}


def report_operation(
    reporter: Reporter, api: ResourceApi, app: str | None
) -> Operation:
    """``GET /api/v1/<app>/reports/<name>``; ``app`` is None where every tenant has it."""
    report, resource = reporter.report, api.resource
    reached = bool(resource.owner or resource.team)
    return Operation(
        name=f"{reporter.app}.reports.{report.name}",
        method="GET",
        path=reporter.address,
        run=reporter.__call__,
        summary=f"Report: {report.title}",
        permission=f"{resource.name}.read",
        app=app,
        feature=None if report.run is None else feature_of(report.run),
        scoped=reached and (report.run is None or report.scoped),
        writes=False,
        parameters=tuple(_parameters(reporter, api)),
        answer=schema_of(ReportView),
        errors=(NotFound, BadQuery),
    )


def _parameters(reporter: Reporter, api: ResourceApi) -> Iterator[Parameter]:
    report = reporter.report
    if report.run is not None or report.period is not None:
        yield Parameter(SINCE, "The first day that counts.", DAY)
        yield Parameter(UNTIL, "The last day that counts.", DAY)
    if report.run is not None:
        return
    periods = {**TEXT, "enum": [it.value for it in Period]}
    yield Parameter(BY, "How long the periods are, where there are any.", periods)
    yield from trash_and_words(searched=bool(api.resource.search))
    yield from selecting(api.lister.offer)
