"""Support: operators come into a tenant by its leave, or tell it at once (S1-96)."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from insula.kernel.access.operation import Operation
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine
from insula.kernel.services.support.access import Accesses
from insula.kernel.services.support.desk import Desk, Inside
from insula.kernel.services.support.operations import OperatorSide, TenantSide
from insula.kernel.services.support.passes import Passes
from insula.kernel.services.support.telling import SUPPORT
from insula.kernel.tenancy.control import Control

service = App(
    name="support",
    title="Support",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(),
    notifications=(SUPPORT,),
)


class Support:
    """The service of one process: ``engine`` is asked for once all apps are known."""

    def __init__(
        self,
        key: bytes,
        control: Control,
        engine: Callable[[], Engine],
        inside: Inside,
    ) -> None:
        self.passes = Passes(key, control)
        self._control, self._engine, self._inside = control, engine, inside

    @cached_property
    def desk(self) -> Desk:
        """Where both sides meet."""
        return Desk(Accesses(self._control), self.passes, self._engine, self._inside)

    def operations(self) -> tuple[Operation, ...]:
        """Of both sides."""
        sides = OperatorSide(self.desk), TenantSide(self.desk)
        return tuple(it for side in sides for it in side.operations())
