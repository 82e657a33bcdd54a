"""Running: the figures of a report that a function of the app works out."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.access.operation import Call
from insula.kernel.foundation.words import Words
from insula.kernel.resource.aggregates.telling import zone_of
from insula.kernel.resource.querying.problems import BadQuery, clipped
from insula.kernel.resource.reports.asking import SINCE, UNTIL, read_span
from insula.kernel.resource.reports.declaration import Report, Span
from insula.kernel.resource.reports.inquiry import Inquiry
from insula.kernel.resource.reports.labelling import of_axis, of_scale
from insula.kernel.resource.unit import WorkContext
from insula.kernel.resource.writers import Writers
from insula.kernel.resource.writing import Writer


class Runner:
    """Has one report worked out; ``writers`` are those of all resources."""

    def __init__(self, report: Report, writers: Writers) -> None:
        self.report, self._writers = report, writers
        self._reads: dict[Writer, set[str]] = {}
        for field in report.reads:
            model: Any = field.class_
            self._reads.setdefault(writers[model], set()).add(field.key)

    def may_be_seen(self, ctx: Context) -> bool:
        """Whether somebody may read all fields of it, of the rows that it takes."""
        actor = ctx.actor
        return all(
            not writer.masking.of(actor).hide & fields
            and actor.reach(f"{writer.name}.read") in self._enough
            for writer, fields in self._reads.items()
        )

    @property
    def _enough(self) -> Sequence[Reach]:
        return tuple(Reach) if self.report.scoped else (Reach.all,)

    async def ask(self, ctx: Context, call: Call) -> Inquiry:
        """What a query asks for; raises ``BadQuery``."""
        for name in call.query:
            if name not in (SINCE, UNTIL):
                words = Words("a report has no '{name}'", name=clipped(name))
                raise BadQuery(reason=words)
        span = read_span(call.query, zone_of(ctx))
        return Inquiry(
            span,
            key=repr(span),
            lasting=True,
            axes=[of_axis(it) for it in self.report.axes],
            scales=[of_scale(it) for it in self.report.scales],
            work_out=partial(self._figures, ctx, span),
        )

    async def _figures(self, ctx: Context, span: Span) -> bytes:
        assert self.report.run is not None
        async with ctx.session.transaction() as transaction:
            work = WorkContext(ctx, transaction, self._writers)
            found = await self.report.run(work, span)
        told = {"rows": found.rows, "totals": found.totals, "truncated": False}
        return msgspec.json.encode(told)
