"""Registering: every report of every app, once when they load."""

from collections.abc import Iterable, Iterator, Mapping

from insula.kernel.access.operation import Operation
from insula.kernel.cache.front import Cache
from insula.kernel.foundation.languages import Languages
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.app import App
from insula.kernel.resource.declaration import DeclarationError
from insula.kernel.resource.reports.counting import Counter
from insula.kernel.resource.reports.inquiry import Source
from insula.kernel.resource.reports.operation import report_operation
from insula.kernel.resource.reports.reporting import Reporter
from insula.kernel.resource.reports.running import Runner
from insula.kernel.resource.writers import Writers

RESERVED = "reports"


class Reports:
    """The reports of an installation, by app and in the order of their declaration."""

    def __init__(
        self,
        apps: Iterable[App],
        apis: Mapping[str, ResourceApi],
        writers: Writers,
        cache: Cache,
        languages: Languages,
    ) -> None:
        self._apis = apis
        self._writers = writers
        self._rest = cache, languages
        self.apps = tuple(app for app in apps if app.reports)
        """The apps that have any."""
        self.every = tuple(it for app in self.apps for it in self._reporters(app))

    def _reporters(self, app: App) -> Iterator[Reporter]:
        _refuse(app)
        for report in app.reports:
            source: Source
            if report.run is not None:
                source = Runner(report, self._writers)
            else:
                api = self._apis[report.resource.name]
                source = Counter(report, api, self._writers)
            yield Reporter(app.name, report, source, *self._rest)

    def operations(self) -> Iterator[tuple[Reporter, Operation]]:
        """Each report with the operation that answers it."""
        optional = {app.name for app in self.apps if not app.always}
        for it in self.every:
            api = self._apis[it.report.resource.name]
            yield it, report_operation(it, api, it.app if it.app in optional else None)


def _refuse(app: App) -> None:
    names = [report.name for report in app.reports]
    if len(set(names)) < len(names):
        raise DeclarationError(f"{app.name}: two reports have one name: {names}")
    if names and any(it.plural == RESERVED for it in app.resources):
        raise DeclarationError(f"{app.name}: rows are where its reports would be")
