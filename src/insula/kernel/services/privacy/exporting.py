"""Exporting: the work behind a request for one's data."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import IO

from insula.kernel.access.context import Context
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.files.arriving import Arrival
from insula.kernel.services.files.service import Files, NewFile
from insula.kernel.services.privacy.archiving import one_state
from insula.kernel.services.privacy.dossier import Dossiers
from insula.kernel.services.privacy.models import DataRequest, RequestState
from insula.kernel.services.privacy.requests import OPEN, CarryOut
from insula.kernel.services.privacy.vault import Person
from insula.kernel.storage.places import Folder

CHUNK = 1_048_576
IN_MEMORY = 8 * CHUNK
LASTING = timedelta(days=7)
"""How long a dossier can be fetched."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Whose dossier is to be made, and where."""

    ctx: Context
    person: Person


@dataclass(frozen=True, slots=True)
class Made:
    """A dossier that lies in the storage, and what is in it."""

    arrival: Arrival
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Exporting:
    """Makes a dossier outside of any transaction of the tenant's."""

    dossiers: Dossiers
    files: Files

    async def prepare(self, ctx: WorkContext, command: CarryOut) -> Plan | None:
        """Look whether it is still wanted."""
        request = await ctx.lock(DataRequest, command.request_id)
        if request.state not in OPEN:
            return None
        if request.state is RequestState.approved:
            ctx.move(request, RequestState.running)
        plain = Context(ctx.actor, tenant=ctx.tenant, session=ctx.session)
        whose = request.subject, request.subject_id
        return Plan(plain, Person(ctx.tenant.id, *whose))

    async def perform(self, plan: Plan) -> Made:
        """Write the dossier, and store it."""
        tenant = plan.ctx.tenant
        disk = self.files.disk(tenant.id)
        with SpooledTemporaryFile(IN_MEMORY) as target:
            async with one_state(tenant.home, tenant.id) as transaction:
                rows = await self.dossiers.write(target, transaction, disk, plan.person)
            target.seek(0)
            arrival = await self.files.receive(
                plan.ctx, _chunks(target), folder=Folder.exports
            )
        return Made(arrival, rows)

    async def run(self, ctx: WorkContext, command: CarryOut, made: Made) -> None:
        """Make a file of it, that can be fetched for a week."""
        request = await ctx.lock(DataRequest, command.request_id)
        expires_at = ctx.now + LASTING
        new = NewFile(
            f"personal-data-{ctx.now:%Y-%m-%d}.zip",
            subject_type=request.subject,
            subject_id=request.subject_id,
            expires_at=expires_at,
        )
        file = await self.files.record(ctx, made.arrival, new)
        request.file_id, request.expires_at = file.id, expires_at
        request.proof = {"rows": dict(made.rows)}
        request.done_at = ctx.now
        ctx.move(request, RequestState.done)


async def _chunks(source: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk
