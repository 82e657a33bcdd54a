"""Making, changing and deleting custom fields: each change is known at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.database.custom import SLOTS
from insula.kernel.database.session import HOME, Statement
from insula.kernel.foundation.errors import FieldError, Invalid, Stale
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import row_id, tag
from insula.kernel.resource.custom.kinds import CHOSEN, UNFILTERED
from insula.kernel.resource.deriving import withheld
from insula.kernel.resource.discarding import discard
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.tasks import Task
from insula.kernel.resource.unit import WorkContext, values_of
from insula.kernel.services.custom.models import CustomField
from insula.kernel.services.custom.resource import (
    TooManyCustomFields,
    TooManyFilters,
    custom_fields,
)
from insula.kernel.services.custom.settling import SettleField

MOST = 100
"""Fields that one tenant adds, unless its plan has a limit ``custom_fields``."""
TAKE = Statement(
    "WITH mine AS MATERIALIZED (SELECT pg_advisory_xact_lock("  # noqa: S608  # our names
    "hashtextextended($1::text, 16)))"
    " SELECT f.resource, f.key, f.slot, f.deleted_at IS NOT NULL AS gone"
    f" FROM mine LEFT JOIN {HOME}.custom_fields f ON f.tenant_id = $1::text::uuid"
)
"""All fields of a tenant, and nobody else makes one until the transaction ends."""
Run = Callable[[Context, Call], Any]


class CustomFieldOperations:
    """What is done to custom fields beyond reading them."""

    def __init__(self, engine: Engine, settle: Task) -> None:
        self._engine, self._settle = engine, settle
        self._api = engine.api(custom_fields.name)

    def operations(self) -> tuple[Operation, ...]:
        """All of them."""
        return tuple(self._offered())

    def _offered(self) -> Iterator[Operation]:
        runs: Mapping[str, Run] = {
            "create": self.create,
            "update": self.change,
            "replace": self.replace,
            "delete": self.delete,
        }
        more = {"create": (TooManyCustomFields, TooManyFilters)}
        for operation in withheld(self._api):
            verb = operation.name.rpartition(".")[2]
            if verb in runs:
                errors = (*operation.errors, *more.get(verb, (TooManyFilters,)))
                yield replace(operation, run=runs[verb], errors=errors)

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Add a field to a resource."""
        field = CustomField(**call.body.__dict__)
        self._check(field)
        async with self._engine.work(ctx) as work:
            fields = await work.transaction.fetch(TAKE)
            _refuse_many(ctx, fields)
            _refuse_leaving(field, fields)
            if field.filterable:
                self._give_slot(work, field, fields)
            await work.add(field)
        return self._told(ctx, field, status=201)

    async def change(self, ctx: Context, call: Call) -> Reply:
        """Change some of what is said of a field."""
        sent = call.body.model_fields_set - {"version"}
        return await self._write(
            ctx, call, {name: call.body.__dict__[name] for name in sent}
        )

    async def replace(self, ctx: Context, call: Call) -> Reply:
        """Change all that is said of a field."""
        values = dict(call.body.__dict__)
        values.pop("version", None)
        return await self._write(ctx, call, values)

    async def delete(self, ctx: Context, call: Call) -> Reply:
        """Delete a field; a job takes its values out of the rows."""
        async with self._engine.work(ctx) as work:
            field = await work.lock(CustomField, row_id(call))
            _refuse_stale(field, call)
            run = self._go_through(work, field)
            # In one step: what the lock brought is not written by itself as well.
            await discard(work, field, run_id=run)
        self._engine.custom.forget(ctx.tenant.id)
        return Reply()

    async def _write(
        self, ctx: Context, call: Call, values: Mapping[str, Any]
    ) -> Reply:
        async with self._engine.work(ctx) as work:
            fields = await work.transaction.fetch(TAKE)
            field = await work.lock(CustomField, row_id(call))
            _refuse_stale(field, call)
            before = field.filterable
            for name, value in values.items():
                setattr(field, name, value)
            self._check(field)
            if field.filterable and not before:
                self._give_slot(work, field, fields)
            elif before and not field.filterable:
                field.ready = False
                field.run_id = self._go_through(work, field)
        return self._told(ctx, field)

    def _check(self, field: CustomField) -> None:
        """Refuse what contradicts itself, or what no resource has."""
        faults = []
        known = {it.resource.name for it in self._engine.apis if it.resource.custom}
        if field.resource not in known:
            words = Words("It takes no custom fields: {name}.", name=field.resource)
            faults.append(FieldError("resource", "no_custom_fields", words))
        if (field.kind in CHOSEN) != bool(field.choices):
            words = Words("Choices are for fields that are chosen, and for those only.")
            faults.append(FieldError("choices", "choices_misfit", words))
        if field.filterable and field.kind in UNFILTERED:
            words = Words("Fields of this kind cannot be filtered by.")
            faults.append(FieldError("filterable", "not_filterable", words))
        if faults:
            raise Invalid(*faults)

    def _give_slot(self, work: WorkContext, field: CustomField, fields: Any) -> None:
        """Take a free slot, unless it still has one, and fill it."""
        if field.slot is None:
            taken = {it["slot"] for it in fields if it["resource"] == field.resource}
            field.slot = next((it for it in SLOTS if it not in taken), None)
            if field.slot is None:
                raise TooManyFilters(limit=len(SLOTS))
        field.ready = False
        field.run_id = self._go_through(work, field)

    def _go_through(self, work: WorkContext, field: CustomField) -> UUID:
        """Have a job go through the rows; one whose run is not the field's stops."""
        run = uuid7()
        command = SettleField(field_id=field.id, run_id=run)
        work.enqueue(self._settle, command, system=True)
        return run

    def _told(self, ctx: Context, field: CustomField, *, status: int = 200) -> Reply:
        self._engine.custom.forget(ctx.tenant.id)
        writer = self._api.writer
        return Reply(
            writer.lens(ctx.actor).encode(values_of(field, writer)),
            status=status,
            etag=tag(field.version),
            location=f"{custom_fields.address}/{field.id}" if status == 201 else None,
        )


def _refuse_many(ctx: Context, fields: Any) -> None:
    limit = ctx.tenant.limits.get("custom_fields", MOST)
    here = sum(it["key"] is not None and not it["gone"] for it in fields)
    if isinstance(limit, int) and here >= limit:
        raise TooManyCustomFields(limit=limit)


def _refuse_leaving(field: CustomField, fields: Any) -> None:
    """A key is taken until the last value of the field that had it is gone."""
    name = field.resource, field.key
    if any(it["gone"] and (it["resource"], it["key"]) == name for it in fields):
        words = Words(
            "Values of a deleted field with this key are still being removed."
        )
        raise Invalid(FieldError("key", "taken", words))


def _refuse_stale(field: CustomField, call: Call) -> None:
    if call.version is not None and field.version != call.version:
        raise Stale
