"""The operations over all reports: what an app has, and the cards of the dashboard."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial

from pydantic import TypeAdapter

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.errors import Problem
from insula.kernel.foundation.languages import Languages
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.reports.reporting import Reporter, Speech
from insula.kernel.resource.reports.views import REF, ReportCard
from insula.kernel.tenancy.tenant import Tenant

Admit = Callable[[Operation, Tenant | None, Actor], None]
"""Raises a ``Problem`` unless the actor may call the operation."""
CARDS = TypeAdapter(list[ReportCard])


class Board:
    """Knows which reports somebody may see; ``admit`` decides."""

    def __init__(
        self, engine: Callable[[], Engine], languages: Languages, admit: Admit
    ) -> None:
        self._engine, self._languages, self._admit = engine, languages, admit

    @cached_property
    def _every(self) -> Sequence[tuple[Reporter, Operation]]:
        return tuple(self._engine().reports.operations())

    def operations(self) -> tuple[Operation, ...]:
        """``GET /api/v1/dashboard``, and the list of each app that has reports."""
        dashboard = Operation(
            name="dashboard.read",
            method="GET",
            path="/api/v1/dashboard",
            run=self.dashboard,
            summary="The cards of your dashboard",
            writes=False,
            answer=_schema,
        )
        apps = self._engine().reports.apps
        return (dashboard, *(self._list(app) for app in apps))

    def _list(self, app: App) -> Operation:
        return Operation(
            name=f"{app.name}.reports.list",
            method="GET",
            path=f"/api/v1/{app.name}/reports",
            run=partial(self.of_app, app.name),
            summary=f"The reports of {app.title} that you may see",
            app=None if app.always else app.name,
            writes=False,
            answer=_schema,
        )

    async def dashboard(self, ctx: Context, call: Call) -> Reply:
        """The reports that are cards, of all apps that the tenant has."""
        found = (it for it in self._seen(ctx) if it.report.card)
        return self._reply(ctx, call, found)

    async def of_app(self, app: str, ctx: Context, call: Call) -> Reply:
        """The reports of one app."""
        return self._reply(ctx, call, (it for it in self._seen(ctx) if it.app == app))

    def _seen(self, ctx: Context) -> Iterator[Reporter]:
        """What the caller may see: neither of rows nor of fields out of their reach."""
        for reporter, operation in self._every:
            try:
                self._admit(operation, ctx.tenant, ctx.actor)
            except Problem:
                continue
            if reporter.source.may_be_seen(ctx):
                yield reporter

    def _reply(self, ctx: Context, call: Call, found: Iterator[Reporter]) -> Reply:
        speech = Speech.of(self._languages, ctx, call)
        cards = [it.card(speech.say) for it in found]
        return Reply(CARDS.dump_json(cards), headers=speech.headers)


def _schema() -> dict[str, object]:
    return CARDS.json_schema(ref_template=REF, mode="serialization")
