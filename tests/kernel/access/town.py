"""A small town of apps: sales, an internet provider and a shop, as real ones would be.

Their tables are in the shared home for as long as a test module needs them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import MetaData

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.columns import Code, Holds, ShortText, maker
from insula.kernel.database.schema import ddl
from insula.kernel.resource.unit import WorkContext
from insula.sdk import (
    App,
    BigInt,
    Command,
    Mapped,
    Resource,
    TenantModel,
    View,
    column,
    requires_feature,
    state,
)
from insula.server.build import build_app
from insula.server.platform import Platform
from tests.house import House, Witness

METADATA = MetaData()
NOWHERE = Path(__file__).parent


class TownModel(TenantModel, kw_only=True, repr=False, eq=False):
    __abstract__ = True
    metadata: ClassVar[MetaData] = METADATA


class Stage(StrEnum):
    open = "open"
    won = "won"


class Deal(TownModel):
    """Something that may be sold; its margin is for few eyes."""

    __tablename__ = "sales_deals"

    title: Mapped[ShortText] = column(holds=Holds.text)
    amount: Mapped[BigInt] = column(default=0)
    probability: Mapped[int] = column(default=0)
    margin: Mapped[int] = column(
        default=0, read="sales.deals.read_margin", write="sales.deals.write_margin"
    )
    owner_id: Mapped[UUID | None] = column(default=None)
    team_id: Mapped[UUID | None] = column(default=None)
    stage: Mapped[Stage] = state(Stage.open, {Stage.open: (Stage.won,)})


class Totals(BaseModel):
    """How much there is to be sold."""

    deals: int
    amount: int


class Line(TownModel):
    """A customer's line; nobody's in particular."""

    __tablename__ = "isp_lines"

    number: Mapped[Code] = column(unique=True, holds=Holds.text)


class Visit(TownModel):
    """A technician's visit."""

    __tablename__ = "isp_visits"

    place: Mapped[ShortText] = column(holds=Holds.address)
    technician_id: Mapped[UUID | None] = column(default=None)
    note: Mapped[ShortText | None] = column(default=None, holds=Holds.text)


class Ticket(TownModel):
    """What a customer of the provider complains of."""

    __tablename__ = "isp_tickets"

    subject: Mapped[ShortText] = column(holds=Holds.text)
    created_by: Mapped[UUID | None] = maker()


class Product(TownModel):
    """What the shop sells."""

    __tablename__ = "commerce_products"

    name: Mapped[ShortText] = column(holds=Holds.nothing)


class Order(TownModel):
    """What somebody bought."""

    __tablename__ = "commerce_orders"

    product: Mapped[ShortText] = column(holds=Holds.text)
    created_by: Mapped[UUID | None] = maker()


deals = Resource(
    Deal,
    owner=Deal.owner_id,
    filters=(Deal.amount, Deal.margin, Deal.owner_id),
    sort=(Deal.title, Deal.amount, Deal.margin),
)
deals.scope("big", Deal.amount, 1000, 2000)


class Win(Command):
    """For how much."""

    amount: int


@deals.action("win")
async def win(ctx: WorkContext, deal: Deal, command: Win) -> Deal:
    """Close a deal."""
    ctx.move(deal, Stage.won)
    deal.amount = command.amount
    return deal


@deals.action("forecast")
@requires_feature("forecasting")
async def forecast(ctx: WorkContext, deal: Deal) -> Deal:
    """Work out how likely it is."""
    deal.probability = 50
    return deal


async def totals(ctx: WorkContext) -> Totals:
    """All deals that the caller may read."""
    seen = await ctx.select(Deal, await ctx.visible(Deal))
    return Totals(deals=len(seen), amount=sum(it.amount for it in seen))


@requires_feature("reports")
async def report(_: WorkContext) -> Totals:
    """For plans that have reports."""
    return Totals(deals=0, amount=0)


SALES = App(
    name="sales",
    title="Sales",
    version="1.0.0",
    folder=NOWHERE,
    resources=(deals,),
    views=(
        View("totals", totals, Totals, "All that may be sold"),
        View("report", report, Totals, "A report"),
    ),
    roles={
        "sales_rep": (
            "own:sales.deals.manage",
            "sales.totals.read",
            "sales.report.read",
        ),
        "sales_lead": ("team:sales.deals.manage", "sales.totals.read"),
        "reader": ("sales.deals.read",),
    },
)
ISP = App(
    name="isp",
    title="Internet",
    version="1.0.0",
    folder=NOWHERE,
    resources=(
        Resource(Line, sort=(Line.number,)),
        Resource(Visit, owner=Visit.technician_id),
        Resource(Ticket),
    ),
    roles={
        "technician": ("own:isp.visits.read", "own:isp.visits.update"),
        "customer": ("own:isp.tickets.manage",),
    },
)
COMMERCE = App(
    name="commerce",
    title="Commerce",
    version="1.0.0",
    folder=NOWHERE,
    resources=(Resource(Product), Resource(Order)),
    roles={
        "customer": ("commerce.products.read", "own:commerce.orders.manage"),
        "sales_rep": ("commerce.*.read", "commerce.orders.create"),
    },
)
TOWN = (SALES, ISP, COMMERCE)


@asynccontextmanager
async def opened_town(house: House) -> AsyncIterator[House]:
    """The house with the apps of the town, and their tables in the shared home."""
    first = house.platform
    platform = Platform(first.settings, first.cluster, (*first.apps, *TOWN))
    cluster, tables = first.cluster, list(METADATA.tables.values())
    owner = cluster.owner(cluster.pool)
    async with opened(owner) as connection, connection.transaction():
        await connection.execute(
            f"SET LOCAL search_path = shared, ext;{ddl(cluster.roles, tables)}"
        )
    witness = Witness()
    made = House(platform, build_app(platform, {}, witness), witness)
    platform.listen()
    await platform.bus.start()
    try:
        async with made.http:
            yield made
    finally:
        await platform.close()
        dropped = ", ".join(f"shared.{table.name}" for table in tables)
        async with opened(owner) as connection:
            await connection.execute(f"DROP TABLE {dropped} CASCADE")


@asynccontextmanager
async def another_process(house: House) -> AsyncIterator[House]:
    """The same installation as another process has it: it hears notices alone."""
    first = house.platform
    platform = Platform(first.settings, first.cluster, first.apps)
    witness = Witness()
    made = House(platform, build_app(platform, {}, witness), witness)
    platform.listen()
    await platform.bus.start()
    try:
        async with made.http:
            yield made
    finally:
        await platform.close()
