"""Locations: where assets stand, as a tree from the site down to the shelf."""

from uuid import UUID

from insula.sdk import (
    Command,
    Conflict,
    Context,
    Holds,
    Mapped,
    Resource,
    ShortText,
    TenantModel,
    column,
    ref,
)


class Location(TenantModel):
    """A place that holds assets, and maybe smaller places."""

    __tablename__ = "maintenance_locations"

    name: Mapped[ShortText] = column(holds=Holds.text)
    parent_id: Mapped[UUID | None] = ref(
        "maintenance.locations", default=None, immutable=True
    )


locations = Resource(
    Location,
    filters=(Location.parent_id,),
    sort=(Location.created_at, Location.name),
    search=(Location.name,),
    include=(Location.parent_id,),
    title=Location.name,
)


class InsideItself(Conflict):
    """A place cannot lie inside itself."""

    code = "maintenance.location_inside_itself"


class MoveLocation(Command):
    """Into which place, or None for the top of the tree."""

    parent_id: UUID | None


@locations.action("move", raises=(InsideItself,))
async def move(ctx: Context, location: Location, command: MoveLocation) -> Location:
    """Put a place, with all that is in it, into another."""
    above = command.parent_id
    while above is not None:
        if above == location.id:
            raise InsideItself
        above = (await ctx.lock(Location, above)).parent_id  # else two moves could ring
    location.parent_id = command.parent_id
    return location
