"""Noting: deeds that change no declared row, and are audited all the same."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.database.session import CONTEXT, Session, Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7

NOTE = Statement(
    f"""WITH {CONTEXT} INSERT INTO home__.audit_log (tenant_id, id, created_at, action,
       resource, resource_id, actor_kind, actor_id, request_id, client, via,
       changes)
SELECT ctx.tenant_id, $2::uuid, $3::timestamptz, $4::varchar, $5::varchar, $6::uuid,
       $7::varchar, $8::uuid, $9::varchar, $10::varchar, $11::varchar,
       $12::text::jsonb
  FROM ctx"""  # noqa: S608  # our names
)


async def note(
    where: Session | Transaction,
    ctx: Context,
    action: str,
    row: tuple[str, UUID | None],
    said: Mapping[str, Any] | None = None,
) -> None:
    """Write down what the actor does with a row, or with several of its type.

    In a transaction it commits with the deed; in a session of its own, before it.
    """
    changes = msgspec.json.encode(said or {}).decode()
    await where.fetch(NOTE, uuid7(), now(), action, *row, *ctx.origin, changes)
