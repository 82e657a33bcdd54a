"""Pipelines: the stages through which deals go, and how likely each makes a deal."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from insula.sdk import (
    Check,
    Currency,
    Holds,
    Mapped,
    Resource,
    ShortText,
    TenantModel,
    Unique,
    column,
    ranked,
    ref,
)

OtherCurrency = Annotated[Currency, Field(examples=["EUR"])]


class DealState(StrEnum):
    """How a deal stands, as its stage says."""

    open = "open"
    won = "won"
    lost = "lost"


D = DealState


class Pipeline(TenantModel):
    """A way of selling; new deals go into the first one unless they name another."""

    __tablename__ = "crm_pipelines"

    name: Mapped[ShortText] = column(unique=True, holds=Holds.nothing)
    position: Mapped[str] = ranked()


class Stage(TenantModel):
    """One step of a pipeline; deals that rest longer than ``stale_days`` are told of."""

    __tablename__ = "crm_stages"

    pipeline_id: Mapped[UUID] = ref("crm.pipelines", part_of=True)
    name: Mapped[ShortText] = column(holds=Holds.nothing)
    kind: Mapped[DealState] = column(default=D.open, immutable=True)
    probability: Mapped[int] = column(default=0, min=0, max=100)
    stale_days: Mapped[int | None] = column(default=None, min=1, max=3650)
    position: Mapped[str] = ranked("pipeline_id")


class ExchangeRate(TenantModel):
    """What one unit of a currency is worth in the organisation's own; the newest counts."""

    __tablename__ = "crm_exchange_rates"

    currency: Mapped[OtherCurrency] = column(immutable=True)
    rate: Mapped[float] = column(min=0, holds=Holds.nothing)


stages = Resource(
    Stage,
    filters=(Stage.pipeline_id, Stage.kind),
    sort=(Stage.position, Stage.created_at),
    title=Stage.name,
    rules=(
        Unique(Stage.pipeline_id, Stage.name),
        Unique(Stage.pipeline_id, where=Stage.kind == D.won, code="one_won_stage"),
        Check(
            "sure_at_the_end",
            ((Stage.kind != D.won) | (Stage.probability == 100))
            & ((Stage.kind != D.lost) | (Stage.probability == 0)),
            field=Stage.probability,
            code="sure_at_the_end",
        ),
    ),
)
pipelines = Resource(
    Pipeline,
    sort=(Pipeline.position, Pipeline.name),
    title=Pipeline.name,
    children=(stages,),
)
exchange_rates = Resource(ExchangeRate, sort=(ExchangeRate.created_at,))
