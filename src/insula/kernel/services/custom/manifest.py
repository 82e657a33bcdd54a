"""The custom fields service: every tenant can add fields to the rows of its apps."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from insula.kernel.access.operation import Operation
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine
from insula.kernel.services.custom.operations import CustomFieldOperations
from insula.kernel.services.custom.resource import custom_fields
from insula.kernel.services.custom.settling import CustomFieldSettled, Settler


class CustomFieldsService:
    """The service of one process: ``engine`` is asked for once all apps are known."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine, self._settler = engine, Settler(engine)

    @cached_property
    def service(self) -> App:
        """The service as the engine wants it."""
        return App(
            name="custom",
            title="Custom fields",
            version="1.0.0",
            folder=Path(__file__).parent,
            always=True,
            resources=(custom_fields,),
            events=(CustomFieldSettled,),
            tasks=(self._settler.task,),
        )

    def operations(self) -> tuple[Operation, ...]:
        """What the resource does not offer by itself."""
        own = CustomFieldOperations(self._engine(), self._settler.task)
        return own.operations()
