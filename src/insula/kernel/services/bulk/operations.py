"""Bulk operations: asking for a run, and reading what became of its rows."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Parameter, Reply
from insula.kernel.foundation.errors import (
    BadRequest,
    Denied,
    FieldError,
    Invalid,
    NotFound,
)
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi, row_id
from insula.kernel.resource.bulk.deeds import PURGE, Deed, deed_of, offers_bulk
from insula.kernel.resource.bulk.items import Item
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.tasks import Progress
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.bulk.asking import BulkAsk, Wanted, understood
from insula.kernel.services.bulk.models import BulkRun, RowState
from insula.kernel.services.bulk.running import BulkRunner
from insula.kernel.services.bulk.runs import WORK, CarryOn, bulk_runs
from insula.kernel.services.bulk.statements import ADD, EVERY, FAILED
from insula.kernel.services.bulk.upkeep import TRASH, purged

MOST_AT_ONCE = 100
"""Rows that may be waited for."""
LARGEST = 16 * 1_048_576
"""Bytes of a body: ten thousand rows with something in them."""
PER_PAGE, MOST_PER_PAGE = 50, 500
SAID = {"true": True, "false": False}
WAIT = Parameter(
    "wait",
    f"`true` does up to {MOST_AT_ONCE} listed rows before it answers.",
    {"type": "boolean", "default": False},
)
ROWS = (
    Parameter("failed", "`true`: only what failed.", {"type": "boolean"}),
    Parameter("per_page", "Rows a page, 500 at most.", {"type": "integer"}),
    Parameter("cursor", "Where the page starts: `meta.pagination.next_cursor`."),
)


class BadBulkQuery(BadRequest):
    """The query is not understood: {reason}."""

    code = "INVALID_QUERY"


class BulkRowView(msgspec.Struct):
    """What became of a row: its place among those asked for, and what was wrong."""

    row: int
    id: UUID | None
    state: RowState
    version: int | None
    errors: list[FieldError]

    @classmethod
    def schema(cls) -> Mapping[str, Any]:
        """The JSON Schema of a page of them."""
        made, parts = msgspec.json.schema_components(
            [list[BulkRowView]], ref_template="#/components/schemas/{name}"
        )
        return {**made[0], "$defs": parts}


class BulkOperations:
    """What the resources do not offer by themselves."""

    def __init__(self, engine: Callable[[], Engine], runner: BulkRunner) -> None:
        self._engine, self._runner = engine, runner

    def operations(self) -> tuple[Operation, ...]:
        """Bulk writes of every resource of an app, and the rows of a run."""
        apis = [it for it in self._engine().apis if offers_bulk(it)]
        emptied = [it for it in apis if purged(it)]
        return (
            *(self._bulk(it) for it in apis),
            *(self._emptying(it) for it in emptied),
            self._rows(),
        )

    @property
    def _runs(self) -> ResourceApi:
        return self._engine().api(bulk_runs.name)

    def _bulk(self, api: ResourceApi) -> Operation:
        """A power of its own, beside the permission of what is done to each row."""
        resource = api.resource
        return Operation(
            name=f"{resource.name}.bulk",
            method="POST",
            path=f"{resource.address}/bulk",
            run=partial(self._ask, api),
            summary=f"Write many {resource.plural.replace('_', ' ')} at once",
            permission=f"{resource.name}.bulk",
            app=resource.app,
            scoped=bool(resource.owner or resource.team),
            body=BulkAsk,
            body_limit=LARGEST,
            limit="bulk",
            status=202,
            also=(200,),
            parameters=(WAIT,),
            answer=self._runs.row_schema,
            errors=(Invalid, Denied, BadRequest),
        )

    def _emptying(self, api: ResourceApi) -> Operation:
        resource = api.resource
        return Operation(
            name=f"{resource.name}.empty_trash",
            method="POST",
            path=f"{resource.address}/trash/empty",
            run=partial(self._empty, api),
            summary=f"Delete for good what {resource.plural.replace('_', ' ')} are in the trash",
            permission=f"{resource.name}.{PURGE}",
            app=resource.app,
            scoped=bool(resource.owner or resource.team),
            limit="bulk",
            status=202,
            answer=self._runs.row_schema,
            errors=(Denied,),
        )

    async def _empty(self, api: ResourceApi, ctx: Context, call: Call) -> Reply:
        _ = call
        return await self._start(api, ctx, Wanted(PURGE, query=TRASH))

    async def _ask(self, api: ResourceApi, ctx: Context, call: Call) -> Reply:
        wanted, waits = understood(call.body), _said(call, "wait")
        deed = deed_of(api, wanted.verb, _common(wanted))
        deed.check(ctx)
        await api.lister.offer.know(ctx, wanted.query or {})
        self._check(ctx, deed, wanted)
        if waits and (wanted.query is not None or len(wanted.items) > MOST_AT_ONCE):
            words = Words(
                "at most {most} listed rows are waited for", most=MOST_AT_ONCE
            )
            raise BadBulkQuery(reason=words)
        return await self._start(api, ctx, wanted, waits=waits)

    async def _start(
        self, api: ResourceApi, ctx: Context, wanted: Wanted, *, waits: bool = False
    ) -> Reply:
        async with self._engine().work(ctx) as work:
            key = await _open(work, api, wanted)
            if waits:
                progress = Progress(total=len(wanted.items))
                await self._runner.carry_on(work, CarryOn(run_id=key), progress)
            else:
                work.enqueue(WORK, CarryOn(run_id=key))
        path = f"{bulk_runs.address}/{key}"
        reply = await self._runs.get(ctx, Call(path, str(key)))
        reply.status, reply.location = 200 if waits else 202, path
        return reply

    @staticmethod
    def _check(ctx: Context, deed: Deed, wanted: Wanted) -> None:
        """What is the same for all rows is looked at before any of them is."""
        if wanted.body is not None or deed.action is not None:
            body = deed.body(Item(0))
            if wanted.body and "version" in wanted.body and deed.action is None:
                words = Words("Rows that a filter selects have no version in common.")
                raise Invalid(FieldError("update_where.set.version", "unknown", words))
            if body is None and wanted.body:
                raise Invalid(
                    FieldError("command", "unknown", Words("There is nothing to say."))
                )
        if wanted.query is not None:
            action = deed.permission.rpartition(".")[2]
            deed.api.selection(ctx, wanted.query, action)

    def _rows(self) -> Operation:
        return Operation(
            name="bulk_runs.rows",
            method="GET",
            path=f"{bulk_runs.address}/{{id}}/rows",
            run=self._show,
            summary="Read what became of the rows of a bulk run",
            permission="bulk_runs.read",
            scoped=True,
            writes=False,
            parameters=ROWS,
            answer=BulkRowView.schema,
            errors=(NotFound, BadBulkQuery),
        )

    async def _show(self, ctx: Context, call: Call) -> Reply:
        """A page of rows in the order in which they were asked for."""
        key, size = row_id(call), _number(call, "per_page", PER_PAGE)
        after = _number(call, "cursor", 0) - 1
        await self._runs.get(ctx, Call(call.path, call.key))  # theirs, or not found
        size = max(1, min(size, MOST_PER_PAGE))
        statement = FAILED if _said(call, "failed") else EVERY
        async with ctx.session.transaction() as transaction:
            rows = await transaction.fetch(statement, key, after, size + 1)
        page = [_view(row) for row in rows[:size]]
        reply = Reply(msgspec.json.encode(page), per_page=size)
        if len(rows) > size:
            reply.next_cursor = str(page[-1].row + 1)
        return reply


def _view(row: Any) -> BulkRowView:
    errors = row["errors"]
    found = [] if errors is None else msgspec.json.decode(errors, type=list[FieldError])
    state, version = RowState(row["state"]), row["row_version"]
    return BulkRowView(row["number"], row["row_id"], state, version, found)


def _common(wanted: Wanted) -> bytes | None:
    return None if wanted.body is None else msgspec.json.encode(wanted.body)


async def _open(work: WorkContext, api: ResourceApi, wanted: Wanted) -> UUID:
    """Write down what is to be done, with every row that was listed."""
    listed = wanted.query is None
    run = BulkRun(
        resource=api.resource.name,
        verb=wanted.verb,
        source=wanted.source,
        command=wanted.command,
        all_or_nothing=wanted.whole,
        total=len(wanted.items) if listed else None,
    )
    await work.add(run)
    await work.flush()
    if listed:
        await work.transaction.fetch(ADD, work.now, run.id, *_columns(wanted.items))
    return run.id


def _columns(items: Sequence[Item]) -> tuple[list[Any], ...]:
    return (
        [uuid7() for _ in items],
        [it.number for it in items],
        [it.row_id for it in items],
        [it.version for it in items],
        [it.body.decode() for it in items],
    )


def _said(call: Call, name: str) -> bool:
    said = call.query.get(name, "false")
    if said not in SAID:
        raise BadBulkQuery(reason=Words("{name} is 'true' or 'false'", name=name))
    return SAID[said]


def _number(call: Call, name: str, otherwise: int) -> int:
    said = call.query.get(name)
    if said is None:
        return otherwise
    if not (said.isascii() and said.isdigit() and len(said) < 10):
        raise BadBulkQuery(reason=Words("{name} is a number", name=name))
    return int(said)
