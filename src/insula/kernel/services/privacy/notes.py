"""Notes: what an erasure that runs remembers, sealed, and until when."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from uuid import UUID

import msgspec

from insula.kernel.database.session import HOME, Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.services.privacy.identifiers import Identifier, of_words
from insula.kernel.services.privacy.tables import FIRST

PLACE = "erasure_notes.identifiers"

READ = Statement(
    f"SELECT identifiers, position FROM {HOME}.erasure_notes"  # noqa: S608  # our names
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)
BEGIN = Statement(
    f"INSERT INTO {HOME}.erasure_notes"  # noqa: S608  # our names
    " (tenant_id, id, created_at, identifiers, position)"
    " VALUES ($1::text::uuid, $2, $3, $4, $5::text::jsonb)"
)
KEEP = Statement(
    f"UPDATE {HOME}.erasure_notes"  # noqa: S608  # our names
    " SET identifiers = $3, position = $4::text::jsonb"
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)
DROP = Statement(
    f"DELETE FROM {HOME}.erasure_notes"  # noqa: S608  # our names
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)


class Phase(StrEnum):
    """What the next step of an erasure is."""

    begin = "begin"
    own = "own"
    words = "words"
    check = "check"
    done = "done"


@dataclass(slots=True)
class Position:
    """How far an erasure is."""

    phase: Phase = Phase.begin
    table: int = 0
    after: UUID = FIRST
    round: int = 1
    left: int = 0
    checked: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to what was changed."""
        for name, changed in counts.items():
            self.counts[name] = self.counts.get(name, 0) + changed


@dataclass(slots=True)
class Note:
    """What is looked for, and how far the search is."""

    known: frozenset[Identifier] = frozenset()
    position: Position = field(default_factory=Position)


class Notes:
    """Keeps the notes of erasures in their tenants' homes, sealed."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def begin(
        self,
        transaction: Transaction,
        tenant_id: UUID,
        request_id: UUID,
        also: Sequence[str],
    ) -> Note:
        """Note by which other words the person of a request is known."""
        note = Note(of_words(also))
        await transaction.fetch(
            BEGIN, request_id, now(), *self._stored(tenant_id, note)
        )
        return note

    async def read(
        self, transaction: Transaction, tenant_id: UUID, request_id: UUID
    ) -> Note:
        """The note of a request; a new one if there is none."""
        rows = await transaction.fetch(READ, request_id)
        if not rows:
            return await self.begin(transaction, tenant_id, request_id, ())
        sealed, position = rows[0]
        raw = self._sealer.open(tenant_id, PLACE, sealed)
        return Note(
            msgspec.json.decode(raw, type=frozenset[Identifier]),
            msgspec.json.decode(position, type=Position),
        )

    async def keep(
        self, transaction: Transaction, tenant_id: UUID, request_id: UUID, note: Note
    ) -> None:
        """Write down how far it is."""
        await transaction.fetch(KEEP, request_id, *self._stored(tenant_id, note))

    async def drop(self, transaction: Transaction, request_id: UUID) -> None:
        """Forget whom a request was about."""
        await transaction.fetch(DROP, request_id)

    def _stored(self, tenant_id: UUID, note: Note) -> tuple[str, str]:
        known = msgspec.json.encode(sorted(note.known))
        position = msgspec.json.encode(asdict(note.position)).decode()
        return self._sealer.seal(tenant_id, PLACE, known), position
