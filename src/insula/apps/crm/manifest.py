"""The CRM: leads, deals on their way through pipelines, and what is to be done."""

from datetime import timedelta
from pathlib import Path

from insula.sdk import App, Chunked, Context, Reaction, Schedule, StoredEvent

from .activities import activities
from .assignments import assignments
from .deals import deal_lines, deal_stage_spans, deals
from .demo import demo
from .goals import goals
from .intake import on_lead_changed
from .leads import leads
from .moving import DealMoved
from .pipelines import exchange_rates, pipelines, stages
from .reminders import OVERDUE, STALE, remind
from .reports import REPORTS
from .scoring import Rescore, rescore, score_events, score_rules

RESCORE = Chunked(name="crm.rescore", command=Rescore, run=rescore)


async def score_all(ctx: Context, _: StoredEvent | None = None) -> None:
    """Have all open leads scored anew: points fade, and a rule is about them all."""
    ctx.enqueue(RESCORE, Rescore(), unique="crm.rescore")


SEEN = ("pipelines", "stages", "exchange_rates", "score_rules", "assignments")
READ = tuple(f"crm.{it}.read" for it in SEEN)
WORKED = ("leads", "deals", "deal_stage_spans", "activities", "goals")
ON = ("deal_lines", "score_events")
PEOPLE = tuple(
    f"people.{it}.{verb}"
    for it in ("contacts", "companies")
    for verb in ("read", "create", "update")
)

app = App(
    name="crm",
    title="CRM",
    version="1.0.0",
    folder=Path(__file__).parent,
    resources=(
        *(pipelines, stages, exchange_rates, leads),
        *(deals, deal_lines, deal_stage_spans, activities),
        *(score_rules, score_events, assignments, goals),
    ),
    reports=REPORTS,
    events=(DealMoved,),
    notifications=(STALE, OVERDUE),
    tasks=(RESCORE,),
    reactions=(
        Reaction("crm.lead.updated", on_lead_changed, "score"),
        *(
            Reaction(f"crm.score_rule.{happened}", score_all, "score_all")
            for happened in ("created", "updated", "deleted", "restored")
        ),
    ),
    schedules=(
        Schedule("score", run=score_all, cron="30 3 * * *"),
        Schedule("remind", timedelta(hours=1), run=remind),
    ),
    roles={
        "sales_rep": (
            *READ,
            *PEOPLE,
            *(f"own:crm.{it}.manage" for it in WORKED),
            *(f"crm.{it}.manage" for it in ON),
        ),
        "sales_manager": (
            *READ,
            *PEOPLE,
            *(f"team:crm.{it}.manage" for it in WORKED),
            *(f"crm.{it}.manage" for it in ON),
        ),
        "crm_admin": ("crm.*.manage", *PEOPLE),
    },
    demo=demo,
)
