"""A small shop that says each word of a declaration: invoices, their lines, a queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from sqlalchemy import MetaData, func

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.schema import ddl
from insula.kernel.resource.declaration import Command
from insula.sdk import (
    App,
    Average,
    Axis,
    BigInt,
    Chart,
    Context,
    Count,
    Currency,
    Day,
    Distinct,
    Elapsed,
    Exclude,
    Figure,
    Figures,
    Holds,
    Link,
    Mapped,
    Max,
    Min,
    Month,
    NoOverlap,
    OnDelete,
    Quarter,
    Ratio,
    Report,
    Resource,
    Scale,
    Sequence,
    ShortText,
    Span,
    Sum,
    TenantModel,
    Unique,
    Unit,
    Week,
    Weighted,
    Year,
    column,
    computed,
    money,
    numbered,
    place,
    ranked,
    ref,
    state,
)
from insula.server.build import build_app
from insula.server.platform import Platform
from tests.house import House, Witness

METADATA = MetaData()
INVOICES = Sequence("shop.invoices", gapless=True, start=1000)
TICKETS = Sequence("shop.tickets")


class ShopModel(TenantModel, kw_only=True, repr=False, eq=False):
    __abstract__ = True
    metadata: ClassVar[MetaData] = METADATA


class InvoiceState(StrEnum):
    draft = "draft"
    final = "final"
    paid = "paid"
    void = "void"


S = InvoiceState


class Invoice(ShopModel):
    """What a customer owes."""

    __tablename__ = "shop_invoices"

    number: Mapped[int] = numbered(INVOICES)
    title: Mapped[ShortText] = column(holds=Holds.text, frozen_in=(S.final, S.paid))
    note: Mapped[ShortText | None] = column(default=None, holds=Holds.text)
    currency: Mapped[Currency | None] = column(default=None)
    amount_minor: Mapped[int | None] = money(default=None, frozen_in=(S.final, S.paid))
    discount_minor: Mapped[int | None] = money(default=None, min=0)
    due_minor: Mapped[int | None] = computed(
        lambda row: row["amount_minor"] - func.coalesce(row["discount_minor"], 0)
    )
    state: Mapped[InvoiceState] = state(
        S.draft,
        {S.draft: (S.final, S.void), S.final: (S.paid, S.void)},
        guards={S.void: "shop.invoices.void"},
        announced=(S.paid,),
    )


class Line(ShopModel):
    """One thing on an invoice."""

    __tablename__ = "shop_lines"

    invoice_id: Mapped[UUID] = ref("shop.invoices", part_of=True)
    label: Mapped[ShortText] = column(holds=Holds.text)
    sku: Mapped[ShortText | None] = column(default=None, holds=Holds.nothing)
    quantity: Mapped[int] = column(default=1, min=1, max=1000)
    price_minor: Mapped[BigInt] = column(default=0, min=0)
    total_minor: Mapped[int] = computed(
        lambda row: row["quantity"] * row["price_minor"]
    )
    position: Mapped[str] = ranked("invoice_id")


class Ticket(ShopModel):
    """Somebody in the queue."""

    __tablename__ = "shop_tickets"

    number: Mapped[int] = numbered(TICKETS)
    name: Mapped[ShortText] = column(holds=Holds.name)
    rank: Mapped[str] = ranked()
    invoice_id: Mapped[UUID | None] = ref(
        "shop.invoices", default=None, on_delete=OnDelete.set_null
    )


class Stay(ShopModel):
    """A room for some nights."""

    __tablename__ = "shop_stays"

    room: Mapped[ShortText] = column(holds=Holds.nothing)
    guest: Mapped[ShortText] = column(holds=Holds.name)
    first_on: Mapped[date] = column(holds=Holds.nothing)
    last_on: Mapped[date | None] = column(default=None, holds=Holds.nothing)
    desk: Mapped[ShortText | None] = column(default=None, holds=Holds.nothing)
    vip: Mapped[bool] = column(default=False)
    about: Mapped[Link | None] = column(default=None)


class Bill(Command):
    """How much, of what."""

    title: str
    lines: int


lines = Resource(
    Line,
    filters=(Line.invoice_id, Line.total_minor),
    rules=(Unique(Line.invoice_id, Line.sku, code="twice"),),
)
invoices = Resource(
    Invoice,
    filters=(Invoice.number, Invoice.due_minor, Invoice.state),
    sort=(Invoice.number,),
    title=Invoice.title,
    measures=(
        Sum(Invoice.amount_minor),
        Average(Invoice.amount_minor),
        Max(Invoice.created_at),
    ),
    dimensions=(
        Invoice.state,
        Invoice.title,
        Day(Invoice.created_at),
        Week(Invoice.created_at),
        Month(Invoice.created_at),
        Quarter(Invoice.created_at),
        Year(Invoice.created_at),
    ),
    moves={"finalize": S.final, "pay": (S.final, S.paid), "void": S.void},
    children=(lines,),
)
tickets = Resource(
    Ticket,
    sort=(Ticket.rank,),
    measures=(Min(Ticket.number), Sum(Ticket.number)),
    dimensions=(Ticket.invoice_id, Ticket.name),
)
stays = Resource(
    Stay,
    filters=(Stay.about,),
    dimensions=(Stay.vip, Month(Stay.first_on), Week(Stay.first_on), Stay.last_on),
    rules=(
        NoOverlap(Stay.room, start=Stay.first_on, end=Stay.last_on),
        Unique(Stay.guest, where=Stay.vip.is_(True), code="one_room_a_vip"),
        Exclude((Stay.guest, "="), (Stay.desk, "<>"), code="one_desk", field=Stay.desk),
    ),
)


@invoices.action("copy")
async def copy(ctx: Context, invoice: Invoice, command: Bill) -> Invoice:
    """Make another one, with so many lines."""
    made = await ctx.add(Invoice(title=command.title))
    for at in range(command.lines):
        await ctx.add(Line(invoice_id=made.id, label=f"Line {at}", price_minor=at))
    return made


@invoices.action("retitle")
async def retitle(ctx: Context, invoice: Invoice, command: Bill) -> Invoice:
    """Change the title, whatever the state."""
    invoice.title = command.title
    return invoice


@tickets.action("last")
async def last(ctx: Context, ticket: Ticket) -> Ticket:
    """To the end of the queue."""
    await place(ctx, ticket)
    return ticket


async def ladder(ctx: Context, span: Span) -> Figures:
    """How many invoices came how far."""
    seen = await ctx.visible(Invoice)
    drafts = await ctx.count(Invoice, seen, Invoice.state == S.draft)
    steps = {"all": await ctx.count(Invoice, seen), "draft": drafts}
    rows = [Figure({"step": name}, {"invoices": it}) for name, it in steps.items()]
    return Figures(rows)


sales = Report(
    name="sales",
    title="Sales",
    resource=invoices,
    chart=Chart.bar,
    measures=(
        Count(),
        Sum(Invoice.amount_minor),
        Sum(Invoice.amount_minor, where=Invoice.state == S.draft, name="open_minor"),
        Weighted(Invoice.amount_minor, by=Invoice.number, out_of=1007, name="likely"),
        Ratio(Count(where=Invoice.title == "T%1"), Count(), name="share"),
        Distinct(Invoice.state, name="states"),
    ),
    dimensions=(Invoice.title,),
    where=Invoice.title != "Hidden $1",
    period=Invoice.created_at,
    sort=("-sum(amount_minor)",),
    limit=2,
)
nights = Report(
    name="nights",
    title="Nights",
    resource=stays,
    chart=Chart.line,
    measures=(Average(Elapsed(Stay.first_on, Stay.last_on), name="stayed"),),
    dimensions=(Month(Stay.first_on), Stay.vip),
    period=Stay.first_on,
)
steps = Report(
    name="steps",
    title="Steps",
    resource=invoices,
    chart=Chart.funnel,
    run=ladder,
    axes=(Axis("step", kind="choice"),),
    scales=(Scale("invoices", Unit.number),),
    reads=(Invoice.state,),
    card=True,
)
SHOP = App(
    name="shop",
    title="Shop",
    version="1.0.0",
    folder=Path(__file__).parent,
    resources=(invoices, lines, tickets, stays),
    reports=(sales, nights, steps),
    roles={
        "clerk": ("shop.invoices.*", "shop.*.read"),
        "porter": ("shop.stays.*",),
        "helper": ("shop.invoices.create", "shop.invoices.read"),
    },
)


@asynccontextmanager
async def opened_shop(house: House) -> AsyncIterator[House]:
    """The house with the shop, and its tables in the shared home."""
    first = house.platform
    platform = Platform(first.settings, first.cluster, (*first.apps, SHOP))
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
