"""Journals: a person leaves what nobody but the owner of the tables may change."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.database.pool import Connection, Record
from insula.kernel.database.session import Transaction
from insula.kernel.events.audit.erasing import redact_entries
from insula.kernel.services.privacy.identifiers import Redactor
from insula.kernel.services.privacy.sweeping import Sweep

AUDIT = "audit_log"
ENTER = "SELECT set_config('insula.tenant', $1, true)"


async def rewrite_journal(
    owner: Connection,
    schema: str,
    tenant_id: UUID,
    sweep: Sweep,
    found: Sequence[Record],
) -> None:
    """Take the person out of these rows, as the owner; harmless when repeated."""
    if sweep.table.name == AUDIT:
        await _rewrite_audit(owner, schema, tenant_id, sweep, found)
        return
    async with owner.transaction():
        await owner.execute(ENTER, str(tenant_id))
        transaction = Transaction(owner, schema, str(tenant_id))
        await sweep.rewrite(transaction, [row["id"] for row in found])


async def _rewrite_audit(
    owner: Connection,
    schema: str,
    tenant_id: UUID,
    sweep: Sweep,
    found: Sequence[Record],
) -> None:
    """The chain keeps a commitment to every entry, so it must hear of each erasure."""
    alike: dict[tuple[bool, bool], list[UUID]] = {}
    for row in found:
        alike.setdefault((sweep.is_others(row), sweep.is_about(row)), []).append(
            row["id"]
        )
    for (others, about), ids in alike.items():
        redact = partial(_redacted, sweep.redactor, others=others, about=about)
        await redact_entries(owner, schema, tenant_id, ids, redact)


def _redacted(
    redactor: Redactor, content: dict[str, Any], *, others: bool, about: bool
) -> dict[str, Any]:
    document = redactor.own_document if about else redactor.document
    written = msgspec.json.encode(content["changes"]).decode()
    clean = {**content, "changes": msgspec.json.decode(document(written))}
    for name in ("client", "user_agent"):
        if content[name] is not None and not others:
            clean[name] = redactor.text(content[name])
    return clean
