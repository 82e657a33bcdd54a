"""Beyond a tenant's home: what the control database knows of its people.

That they are linked with users elsewhere, and what they decided of operators who asked
to come in. Of a support access the row stays, as a journal's would: it says what an
operator did, and knows the person by an id alone that by then is nobody's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from insula.kernel.database.pool import Record
from insula.kernel.services.linking.members import LEAVE
from insula.kernel.services.privacy.identifiers import Redactor
from insula.kernel.services.privacy.vault import Person
from insula.kernel.tenancy.control import Control

LINKED = """
SELECT email, proved_at FROM control.account_members
 WHERE tenant_id = $1 AND user_id = $2
"""
DECIDED = """
SELECT id, reason, kind, scope, hours, state, decided_by = $2 AS decided,
       ended_by = $2 AS ended, decided_at, ended_at FROM control.support_accesses
 WHERE tenant_id = $1 AND (decided_by = $2 OR ended_by = $2) ORDER BY id
"""
REASONS = "SELECT id, reason FROM control.support_accesses WHERE tenant_id = $1"
REWORD = "UPDATE control.support_accesses SET reason = $2 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Beyond:
    """The rows of people in the control database."""

    control: Control

    async def rows(self, person: Person) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """What tells of a person there, by table; nothing of who they are elsewhere."""
        whose = person.tenant_id, person.subject_id
        linked = await self.control.fetch(LINKED, *whose)
        decided = await self.control.fetch(DECIDED, *whose)
        return [
            *(("linked_account", _plain(row)) for row in linked),
            *(("support_accesses", _plain(row)) for row in decided),
        ]

    async def erase(self, person: Person, redactor: Redactor) -> None:
        """Unlink a person, and take their words out of why operators came."""
        await self.control.fetch(LEAVE, person.tenant_id, person.subject_id)
        for row in await self.control.fetch(REASONS, person.tenant_id):
            clean = redactor.text(row["reason"])
            if clean != row["reason"]:
                await self.control.fetch(REWORD, row["id"], clean)


def _plain(row: Record) -> Mapping[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(dict(row))
    return found
