"""Privacy: every tenant's people can have their data, and can be forgotten."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from uuid import UUID

from insula.kernel.access.operation import Operation
from insula.kernel.database.bootstrap import opened
from insula.kernel.database.migrations import declared
from insula.kernel.database.personal import Registry
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.tasks import Chunked, Errand
from insula.kernel.services.files.service import Files
from insula.kernel.services.privacy.asking import Asking
from insula.kernel.services.privacy.beyond import Beyond
from insula.kernel.services.privacy.dossier import Dossiers
from insula.kernel.services.privacy.erasing import Eraser
from insula.kernel.services.privacy.exporting import Exporting
from insula.kernel.services.privacy.fetching import Fetching
from insula.kernel.services.privacy.forgetting import Erasing, PersonErased, bury
from insula.kernel.services.privacy.holds import Holding, legal_holds
from insula.kernel.services.privacy.notes import Notes
from insula.kernel.services.privacy.requests import (
    ERASE,
    EXPORT,
    CarryOut,
    data_requests,
)
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes

STEP, DOSSIER = 300.0, 3600.0
"""Seconds for one step of an erasure, and for all of a dossier."""


class Privacy:
    """The service of one process: ``engine`` is asked for once all apps are known.

    ``forget`` has every process drop what it remembers of a tenant's answers and of one
    of its actors. The models of all apps must have been loaded.
    """

    def __init__(
        self,
        homes: Homes,
        control: Control,
        sealer: Sealer,
        files: Files,
        *,
        engine: Callable[[], Engine],
        forget: Callable[[UUID, UUID], None],
    ) -> None:
        self._engine, self._files = engine, files
        self._registry, self._notes = Registry.of(declared(homes.series)), Notes(sealer)
        eraser = Eraser(
            self._registry,
            self._notes,
            lambda home: opened(homes.owner(home)),
            files.storage,
        )
        self._erasing = Erasing(eraser, self._notes, control, sealer, forget)

    @cached_property
    def service(self) -> App:
        """The service as the engine wants it."""
        dossiers = Dossiers(self._registry, Beyond(self._erasing.control))
        exporting = Exporting(dossiers, self._files)
        return App(
            name="privacy",
            title="Privacy",
            version="1.0.0",
            folder=Path(__file__).parent,
            always=True,
            resources=(data_requests, legal_holds),
            events=(PersonErased,),
            tasks=(
                Chunked(
                    name=ERASE,
                    command=CarryOut,
                    run=self._erasing.run,
                    timeout=STEP,
                    on_dead=bury,
                ),
                Errand(
                    name=EXPORT,
                    command=CarryOut,
                    prepare=exporting.prepare,
                    perform=exporting.perform,
                    run=exporting.run,
                    timeout=DOSSIER,
                    on_dead=bury,
                ),
            ),
        )

    def operations(self) -> tuple[Operation, ...]:
        """What the resources do not offer by themselves."""
        engine = self._engine()
        asking = Asking(engine, self._registry, self._notes)
        fetching = Fetching(engine, self._files)
        holding = Holding(engine, self._registry)
        return (*asking.operations(), fetching.operation(), holding.operation())
