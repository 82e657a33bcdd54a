"""Reporting: one report for whoever asks, kept for those who see everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.front import Cache
from insula.kernel.cache.invalidation import ROWS
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.languages import Catalog, Languages, told
from insula.kernel.resource.reports.declaration import Report
from insula.kernel.resource.reports.inquiry import Inquiry, Source
from insula.kernel.resource.reports.labelling import Say, digits_of, say_choices
from insula.kernel.resource.reports.views import (
    ReportAxis,
    ReportCard,
    ReportRow,
    ReportScale,
    ReportView,
)


@dataclass(frozen=True, slots=True)
class Speech:
    """The language of an answer."""

    catalog: Catalog | None

    @classmethod
    def of(cls, languages: Languages, ctx: Context, call: Call) -> "Speech":
        """The one that a caller wants, or has chosen, or that the tenant speaks."""
        usual = ctx.actor.locale, ctx.tenant.policy.locale
        return cls(languages.choose(call.headers, usual))

    def say(self, text: str) -> str:
        """A label of ours."""
        return told(text, self.catalog)

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What tells of it."""
        language = "en" if self.catalog is None else self.catalog.language
        return ((b"content-language", language.encode()),)


class Reporter:
    """Answers one report of an app."""

    def __init__(
        self,
        app: str,
        report: Report,
        source: Source,
        cache: Cache,
        languages: Languages,
    ) -> None:
        self.app, self.report, self.source = app, report, source
        self.address = f"/api/v1/{app}/reports/{report.path}"
        self._cache, self._languages = cache, languages

    async def __call__(self, ctx: Context, call: Call) -> Reply:
        """The report; for whom something of it is hidden there is none."""
        if not self.source.may_be_seen(ctx):
            raise NotFound
        asked = await self.source.ask(ctx, call)
        found = msgspec.json.decode(await self._figures(ctx, asked))
        speech = Speech.of(self._languages, ctx, call)
        view = self._view(asked, found, speech.say)
        return Reply(
            view.model_dump_json(by_alias=True).encode(), headers=speech.headers
        )

    def card(self, say: Say) -> ReportCard:
        """What it is, and where."""
        return ReportCard(
            name=f"{self.app}.{self.report.name}",
            app=self.app,
            title=say(self.report.title),
            chart=self.report.chart,
            path=self.address,
        )

    async def _figures(self, ctx: Context, asked: Inquiry) -> bytes:
        """Rows and totals, from the cache where they may be."""
        kept, actor = self.report.cached, ctx.actor
        if kept is None or not asked.lasting or actor.qualified or actor.masks:
            return await asked.work_out()
        form = sha256(asked.key.encode()).hexdigest()
        return await self._cache.of(ctx.tenant.id).remember(
            f"report:{self.app}.{self.report.name}:{form}",
            CacheClass.dashboard,
            asked.work_out,
            tags=(ROWS, self.app),
            ttl=kept.total_seconds(),
        )

    def _view(self, asked: Inquiry, found: Mapping[str, Any], say: Say) -> ReportView:
        rows = [ReportRow(**it) for it in found["rows"]]
        totals = [ReportRow(**it) for it in found["totals"]]
        say_choices(asked.axes, rows, say)
        return ReportView(
            **self.card(say).model_dump(),
            dimensions=[_said(it, say) for it in asked.axes],
            measures=[_said(it, say) for it in asked.scales],
            rows=rows,
            totals=totals,
            digits=digits_of(asked.axes, [*rows, *totals]),
            since=asked.span.since,
            until=asked.span.until,
            zone=asked.span.zone,
            truncated=found["truncated"],
        )


Named = TypeVar("Named", ReportAxis, ReportScale)


def _said(part: Named, say: Say) -> Named:
    return part.model_copy(update={"label": say(part.label)})
