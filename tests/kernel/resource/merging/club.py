"""A club whose members turn out to be the same: everything that can point at a row."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from sqlalchemy import MetaData

from insula.kernel.database.attached import ATTACHED, Attached
from insula.kernel.database.bootstrap import opened
from insula.kernel.database.schema import ddl
from insula.sdk import (
    App,
    Email,
    Holds,
    Json,
    Link,
    Mapped,
    Merge,
    NoOverlap,
    Resource,
    ShortText,
    TenantModel,
    TenantRow,
    Unique,
    column,
    ref,
)
from insula.server.build import build_app
from insula.server.platform import Platform
from tests.house import House, Witness

METADATA = MetaData()


class ClubModel(TenantModel, kw_only=True, repr=False, eq=False):
    __abstract__ = True
    metadata: ClassVar[MetaData] = METADATA


class ClubRow(TenantRow, kw_only=True, repr=False, eq=False):
    __abstract__ = True
    metadata: ClassVar[MetaData] = METADATA


class Member(ClubModel):
    """Somebody of the club; some were brought by another one."""

    __tablename__ = "club_members"

    name: Mapped[ShortText] = column(holds=Holds.name)
    email: Mapped[Email | None] = column(default=None, unique=True, holds=Holds.email)
    town: Mapped[ShortText | None] = column(default=None, holds=Holds.address)
    likes: Mapped[Json] = column(default={}, holds=Holds.text)
    brought_by_id: Mapped[UUID | None] = ref("club.members", default=None)
    created_by: Mapped[UUID | None] = column(default=None, read_only=True)
    merged_into_id: Mapped[UUID | None] = ref(
        "club.members", default=None, read_only=True
    )


class Card(ClubModel):
    """What opens a door; one of them is the member's first."""

    __tablename__ = "club_cards"

    member_id: Mapped[UUID] = ref("club.members", part_of=True)
    door: Mapped[ShortText] = column(holds=Holds.nothing)
    first: Mapped[bool] = column(default=False)


class Locker(ClubModel):
    """Whose things are where, and when."""

    __tablename__ = "club_lockers"

    member_id: Mapped[UUID] = ref("club.members")
    helper_id: Mapped[UUID | None] = ref("club.members", default=None)
    first_on: Mapped[date] = column(holds=Holds.nothing)
    last_on: Mapped[date] = column(holds=Holds.nothing)


class Note(ClubModel):
    """What is said of anything."""

    __tablename__ = "club_notes"

    text: Mapped[ShortText] = column(holds=Holds.text)
    about: Mapped[Link | None] = column(default=None)


class Mark(ClubRow, Attached):
    """A mark on a row of any resource."""

    __tablename__ = "club_marks"
    __table_args__ = ({"info": {ATTACHED: True}},)

    word: Mapped[ShortText] = column(holds=Holds.nothing)


members = Resource(
    Member,
    filters=(Member.name,),
    title=Member.name,
    merge=Merge(keep=(Member.town,)),
)
cards = Resource(
    Card,
    filters=(Card.member_id,),
    rules=(
        Unique(Card.member_id, Card.door),
        Unique(
            Card.member_id,
            where=Card.first.is_(True),
            code="one_first",
            yields={Card.first: False},
        ),
    ),
)
lockers = Resource(
    Locker,
    filters=(Locker.member_id,),
    rules=(NoOverlap(Locker.member_id, start=Locker.first_on, end=Locker.last_on),),
)
marks = Resource(
    Mark,
    filters=(Mark.row_id,),
    rules=(Unique(Mark.resource, Mark.row_id, Mark.word),),
)
CLUB = App(
    name="club",
    title="Club",
    version="1.0.0",
    folder=Path(__file__).parent,
    resources=(members, cards, lockers, Resource(Note), marks),
    roles={"helper": ("own:club.members.*", "club.members.create")},
)


@asynccontextmanager
async def opened_club(house: House) -> AsyncIterator[House]:
    """The house with the club, and its tables in the shared home."""
    first = house.platform
    platform = Platform(first.settings, first.cluster, (*first.apps, CLUB))
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
