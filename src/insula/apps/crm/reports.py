"""Reports: the forecast, the funnel, who wins how much, and where it comes from."""

from insula.sdk import Chart, Count, Month, Report, Sum

from .deals import (
    CYCLE,
    IN_STAGE,
    WEIGHTED,
    WENT_ON,
    WIN_RATE,
    WON,
    WON_VALUE,
    Deal,
    DealStageSpan,
    deal_stage_spans,
    deals,
)
from .leads import MEASURES, Lead, leads
from .pipelines import D

OPEN = Deal.state == D.open
VALUE = Sum(Deal.value_minor)

REPORTS = (
    Report(
        name="pipeline",
        title="Pipeline",
        resource=deals,
        chart=Chart.funnel,
        measures=(Count(), VALUE, WEIGHTED),
        dimensions=(Deal.stage_id,),
        where=OPEN,
        card=True,
    ),
    Report(
        name="forecast",
        title="Forecast",
        resource=deals,
        chart=Chart.bar,
        measures=(VALUE, WEIGHTED),
        dimensions=(Month(Deal.expected_close_on), Deal.owner_id),
        where=OPEN,
        period=Deal.expected_close_on,
        card=True,
    ),
    Report(
        name="won",
        title="Won deals",
        resource=deals,
        chart=Chart.line,
        measures=(Count(), Sum(Deal.amount_minor), VALUE),
        dimensions=(Month(Deal.closed_at),),
        where=Deal.state == D.won,
        period=Deal.closed_at,
        card=True,
    ),
    Report(
        name="leaderboard",
        title="Leaderboard",
        resource=deals,
        chart=Chart.table,
        measures=(WON, WON_VALUE, WIN_RATE, CYCLE),
        dimensions=(Deal.owner_id,),
        period=Deal.closed_at,
        sort=("-won_value",),
    ),
    Report(
        name="win_rate",
        title="Win rate",
        resource=deals,
        chart=Chart.line,
        measures=(WIN_RATE, CYCLE),
        dimensions=(Month(Deal.closed_at),),
        where=Deal.state != D.open,
        period=Deal.closed_at,
    ),
    Report(
        name="sources",
        title="Deals by source",
        resource=deals,
        chart=Chart.bar,
        measures=(Count(), WON_VALUE, WIN_RATE),
        dimensions=(Deal.source,),
        period=Deal.opened_at,
    ),
    Report(
        name="stages",
        title="Conversion and time by stage",
        resource=deal_stage_spans,
        chart=Chart.table,
        measures=(WENT_ON, IN_STAGE),
        dimensions=(DealStageSpan.stage_id,),
        period=DealStageSpan.ended_at,
    ),
    Report(
        name="leads",
        title="Leads by source",
        resource=leads,
        chart=Chart.bar,
        measures=MEASURES,
        dimensions=(Lead.source,),
        period=Lead.created_at,
        card=True,
    ),
)
