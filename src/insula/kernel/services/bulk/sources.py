"""Sources: the rows that a run comes to next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.database.pool import Record
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.resource.bulk.deeds import Deed
from insula.kernel.resource.bulk.items import Item
from insula.kernel.resource.statements import Numbers
from insula.kernel.resource.tasks import Progress
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.bulk.models import BulkSource
from insula.kernel.services.bulk.statements import LISTED, UNDONE

CHUNK = 500
"""Rows of one transaction: others wait no longer for a row than these take."""
MOST_WHOLE = 1000
"""Rows of a run that is all or nothing."""
START = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is carried on."""

    id: UUID
    resource: str
    verb: str
    source: BulkSource
    command: dict[str, Any]
    whole: bool
    ended: bool
    undoes: UUID | None
    asked_at: datetime

    @classmethod
    def of(cls, row: Record) -> "Run":
        """The run of a row that is held."""
        return cls(
            id=row["id"],
            resource=row["resource"],
            verb=row["verb"],
            source=BulkSource(row["source"]),
            command=msgspec.json.decode(row["command"]),
            whole=row["all_or_nothing"],
            ended=row["state"] not in ("queued", "running"),
            undoes=row["undoes"],
            asked_at=row["created_at"],
        )

    @property
    def common(self) -> bytes | None:
        """What is written to every row, if it is the same."""
        body = self.command.get("body")
        return None if body is None else msgspec.json.encode(body)

    @property
    def limit(self) -> int:
        """How many rows are done at once."""
        return MOST_WHOLE if self.whole else CHUNK


async def following(
    ctx: WorkContext, run: Run, deed: Deed, progress: Progress
) -> list[Item]:
    """The next rows of a run, and how far it is behind them."""
    if run.source is BulkSource.selected:
        return await _selected(ctx, run, deed, progress)
    after = int(progress.cursor or -1)
    statement, whose = LISTED, run.id
    if run.undoes is not None:
        statement, whose = UNDONE, run.undoes
    rows = await ctx.transaction.fetch(statement, whose, after, run.limit)
    if rows:
        progress.cursor = str(rows[-1]["number"])
    return [
        Item(
            row["number"],
            row["row_id"],
            row["row_version"],
            b"{}" if row["body"] is None else bytes(row["body"]),
        )
        for row in rows
    ]


async def _selected(
    ctx: WorkContext, run: Run, deed: Deed, progress: Progress
) -> list[Item]:
    """By id, so that each row is met once, however the run itself changes them.

    What was made after the run was asked for is not of it, and whoever changes a row
    between this look and the write wins: the version is kept.
    """
    numbers, before = Numbers(used=4), _before(run)
    older = f" AND c.deleted_at < {numbers.next('timestamptz')}" if before else ""
    action = deed.permission.rpartition(".")[2]
    query = run.command["query"]
    await deed.api.lister.offer.know(ctx, query)
    selection = deed.api.selection(ctx, query, action)
    table = deed.api.resource.table.name
    statement = Statement(
        f"WITH {CONTEXT} SELECT r.id, r.version FROM ctx CROSS JOIN LATERAL ("  # noqa: S608  # our names
        f"SELECT c.id, c.version FROM {HOME}.{table} c WHERE c.tenant_id ="
        " ctx.tenant_id AND c.id > $2::uuid AND c.created_at <= $3::timestamptz"
        f"{older}{selection.sql(numbers)} ORDER BY c.id LIMIT $4::bigint) r"
    )
    last = START if progress.cursor is None else UUID(progress.cursor)
    given = last, run.asked_at, run.limit, *before, *selection.args
    rows = await ctx.transaction.fetch(statement, *given)
    if rows:
        progress.cursor = str(rows[-1]["id"])
    return _numbered(rows, progress.done)


def _before(run: Run) -> tuple[datetime, ...]:
    """How long ago what is meant was thrown away, if that matters."""
    said = run.command.get("before")
    return () if said is None else (datetime.fromisoformat(said),)


def _numbered(rows: Sequence[Record], first: int) -> list[Item]:
    return [
        Item(number, row["id"], row["version"])
        for number, row in enumerate(rows, start=first)
    ]
