"""The work behind a request to be forgotten."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from insula.kernel.foundation.sealing import Sealer
from insula.kernel.resource.declaration import Event
from insula.kernel.resource.tasks import Progress
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.privacy.beyond import Beyond
from insula.kernel.services.privacy.erasing import Eraser, Errand
from insula.kernel.services.privacy.holds import is_held
from insula.kernel.services.privacy.identifiers import Redactor
from insula.kernel.services.privacy.models import DataRequest, RequestState
from insula.kernel.services.privacy.notes import Note, Notes, Phase
from insula.kernel.services.privacy.proof import proof_of
from insula.kernel.services.privacy.requests import OPEN, CarryOut
from insula.kernel.services.privacy.vault import Person, SubjectVault
from insula.kernel.tenancy.control import Control

R = RequestState


class PersonErased(Event):
    """A person was erased: whoever keeps copies elsewhere should erase them, too."""

    name: ClassVar[str] = "person.erased"
    subject: str
    subject_id: UUID


@dataclass(frozen=True, slots=True)
class Erasing:
    """Carries out an erasure, one step of it a transaction."""

    eraser: Eraser
    notes: Notes
    control: Control
    sealer: Sealer
    forget: Callable[[UUID, UUID], None]
    """Has every process drop what it remembers of a tenant and of one of its actors."""

    async def run(
        self, ctx: WorkContext, command: CarryOut, progress: Progress
    ) -> bool:
        """Do the next step; True when the person is erased, or must not be."""
        request = await ctx.lock(DataRequest, command.request_id)
        if request.state not in OPEN:
            return True
        if await is_held(ctx, request.subject_id):
            ctx.move(request, R.held)
            return True
        if request.state is R.approved:
            ctx.move(request, R.running)
        errand = Errand(
            request.id,
            ctx.tenant.id,
            ctx.tenant.home,
            request.subject,
            request.subject_id,
        )
        note = await self.eraser.step(ctx.transaction, errand)
        self.forget(ctx.tenant.id, request.subject_id)
        progress.cursor = note.position.phase.value
        progress.done = sum(note.position.counts.values())
        if note.position.phase is not Phase.done:
            return False
        await self._finish(ctx, request, note)
        return True

    async def _finish(self, ctx: WorkContext, request: DataRequest, note: Note) -> None:
        # The control database first: were the rest lost, it would be done again.
        person = Person(ctx.tenant.id, request.subject, request.subject_id)
        await Beyond(self.control).erase(person, Redactor(note.known))
        await SubjectVault(self.control, self.sealer).destroy(person)
        request.proof = dict(proof_of(request, note.known, note.position))
        request.done_at = ctx.now
        ctx.move(request, R.done)
        await self.notes.drop(ctx.transaction, request.id)
        ctx.emit(PersonErased(subject=request.subject, subject_id=request.subject_id))


async def bury(ctx: WorkContext, command: CarryOut, _: str) -> None:
    """Show that a request could not be carried out; it can be approved again."""
    request = await ctx.lock(DataRequest, command.request_id)
    if request.state is R.approved:
        ctx.move(request, R.running)
    if request.state is R.running:
        ctx.move(request, R.failed)
