"""Inquiries: what somebody asks of a report, checked, before anything is read."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call
from insula.kernel.resource.reports.declaration import Span
from insula.kernel.resource.reports.views import ReportAxis, ReportScale


class Inquiry(NamedTuple):
    """A question about a report."""

    span: Span
    key: str
    """All that the answer depends on, but the rows."""
    lasting: bool
    """Whether it means the same when it is asked again."""
    axes: Sequence[ReportAxis]
    scales: Sequence[ReportScale]
    work_out: Callable[[], Awaitable[bytes]]
    """Rows and totals as JSON."""


class Source(Protocol):
    """Where the figures of one report come from."""

    def may_be_seen(self, ctx: Context) -> bool:
        """Whether nothing of it is hidden from somebody."""

    async def ask(self, ctx: Context, call: Call) -> Inquiry:
        """What a query asks for; raises ``BadQuery``."""
