"""Machines: a row's states, the moves between them, and who may make which."""

from enum import StrEnum
from functools import cache
from typing import ClassVar
from uuid import UUID

from insula.kernel.access.actor import Actor
from insula.kernel.database.columns import Field, spec
from insula.kernel.database.model import TenantModel
from insula.kernel.foundation.errors import Conflict, Denied
from insula.kernel.resource.declaration import Event


class WrongMove(Conflict):
    """It is {present}: it cannot become {wanted}."""

    code = "WRONG_STATE"
    told = ("present", "possible")
    """What it is, and what it can become."""


class Guarded(Denied):
    """To make it {wanted} you need {permission}."""

    code = "MOVE_GUARDED"


class Moved(Event):
    """A row has reached a state that others are told of: ``crm.deal.won``."""

    name: ClassVar[str] = "app.resource.state"
    id: UUID
    before: str
    after: str

    @property
    def about_id(self) -> UUID | None:
        """The row."""
        return self.id


def move(
    row: TenantModel, wanted: StrEnum, sources: tuple[StrEnum, ...], actor: Actor
) -> tuple[str, bool]:
    """Bring a row to a state; answers the one before, and whether others are told.

    Raises ``WrongMove`` for what its machine does not declare, ``Guarded`` for whom
    its guards do not let.
    """
    name, machine = _machine(type(row), type(wanted))
    present = getattr(row, name)
    possible = machine.moves.get(present, ())
    if wanted not in possible or (sources and present not in sources):
        raise WrongMove(present=present, wanted=wanted, possible=list(possible))
    needed = machine.guards.get(wanted)
    if needed is not None and not actor.may(needed):
        raise Guarded(wanted=wanted, permission=needed)
    setattr(row, name, wanted)
    return present, wanted in machine.announced


def moved(kind: str, row_id: UUID, before: str, after: str) -> Moved:
    """That a row of a type, ``crm.deal``, has reached a state."""
    return _told_as(f"{kind}.{after}")(id=row_id, before=before, after=after)


@cache
def _told_as(name: str) -> type[Moved]:
    """The event of one state; there are as many as declarations announce."""
    return type("Moved", (Moved,), {"name": name, "__module__": __name__})


def _machine(model: type[TenantModel], kind: type[StrEnum]) -> tuple[str, Field]:
    for column in model.__table__.columns:
        declared = spec(column.info)
        if declared.choices and getattr(column.type, "enum_class", None) is kind:
            return column.name, declared
    raise LookupError(f"{model.__name__} has no state machine of {kind.__name__}")
