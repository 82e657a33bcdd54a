"""Import updating: rows that are there take on what a file says of them, many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from insula.kernel.access.context import Context
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.custom.fields import CUSTOM
from insula.kernel.resource.imports.custom import merged
from insula.kernel.resource.imports.rows import Draft
from insula.kernel.resource.shape import Facet
from insula.kernel.resource.statements import AUDIT, ORIGIN, OUTBOX, Numbers, names
from insula.kernel.resource.writing import UPDATE

MOST_SHAPES = 64
"""Statements kept for one import: one for each set of fields that a batch changes."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row that is there, and what is to be written over it."""

    draft: Draft
    record: Mapping[str, Any]
    values: Mapping[str, Any]


class Updater:
    """Works out what a file changes of the rows that are there, and writes it."""

    def __init__(self, ctx: Context, api: ResourceApi) -> None:
        self._ctx, self._api, self._facets = ctx, api, api.shape.facets
        self._scoping = api.writer.scoping
        self._apart = frozenset(
            name
            for name, it in self._facets.items()
            if it.field.merged or it.field.slot
        )
        self._scope = self._scoping.of(ctx.actor, "read", "update")
        self._statements: dict[tuple[str, ...], Statement] = {}

    def change(self, draft: Draft, record: Mapping[str, Any]) -> Change:
        """What a draft changes of a row, maybe nothing; raises ``Invalid``."""
        changed = {
            name: draft.values[name]
            for name in draft.given
            if name not in self._apart
            and not _same(self._facets[name].loaded(record[name]), draft.values[name])
        }
        changed |= self._added(draft, record)
        faults = [_fixed(name) for name in changed if self._is_fixed(name, record)]
        if faults:
            raise Invalid(*faults)
        self._scoping.keep(self._scope, changed)
        return Change(draft, record, changed)

    def _added(self, draft: Draft, record: Mapping[str, Any]) -> dict[str, Any]:
        """What a draft changes of the fields that the tenant added."""
        custom = self._api.writer.custom
        if custom is None or CUSTOM not in draft.given:
            return {}
        old = self._facets[CUSTOM].loaded(record[CUSTOM])
        whole = merged(old, draft.values[CUSTOM])
        if whole == old:
            return {}
        return {CUSTOM: whole, **custom.known(self._ctx).slots(whole)}

    def _is_fixed(self, name: str, record: Mapping[str, Any]) -> bool:
        """Whether a field is as it is for ever, or in the state that the row is in."""
        if self._facets[name].field.immutable:
            return True
        frozen = self._api.shape.frozen.get(name)
        if frozen is None:
            return False
        states = {str(it) for it in self._facets[name].field.frozen_in}
        return str(record[frozen[0]]) in states

    def write(self, changes: Sequence[Change]) -> tuple[Statement, list[Any]]:
        """Statement and arguments that change rows whose versions are as they were.

        It answers the ids of those.
        """
        ordered = sorted(changes, key=lambda it: it.record["id"])
        changed = tuple(sorted({name for it in changes for name in it.values}))
        statement = self._statements.get(changed)
        if statement is None:
            if len(self._statements) >= MOST_SHAPES:
                self._statements.clear()
            statement = updating_many(self._api, [self._facets[it] for it in changed])
            self._statements[changed] = statement
        columns = [
            [self._bound(facet, change) for change in ordered]
            for facet in map(self._facets.__getitem__, changed)
        ]
        ids = [it.record["id"] for it in ordered]
        versions = [it.record["version"] for it in ordered]
        entries = [uuid7() for _ in ordered]
        args = [ids, versions, *columns, entries, now(), *self._ctx.origin]
        return statement, args

    @staticmethod
    def _bound(facet: Facet, change: Change) -> Any:
        """A field's new value as the driver takes it, or the one that it has."""
        if facet.name in change.values:
            return facet.bound(change.values[facet.name])
        return facet.bound(facet.loaded(change.record[facet.name]))


def _same(present: Any, wanted: Any) -> bool:
    """Whether a file says what is there; the space around a text is not read."""
    if isinstance(present, str) and isinstance(wanted, str):
        return present.strip() == wanted.strip()
    return bool(present == wanted)


def _fixed(name: str) -> FieldError:
    words = Words("The {field} field cannot be changed any more.", field=name)
    return FieldError(name, "immutable", words)


def updating_many(api: ResourceApi, changed: Sequence[Facet]) -> Statement:
    """Change some fields of many rows, locked in key order, each with its journal.

    Arguments: arrays of the ids, the versions, and the fields' values; an array of
    journal ids; the time; the request's origin. Rows of other versions are left.
    """
    table, writer, numbers = api.resource.table.name, api.writer, Numbers()
    ids, versions = numbers.all(("uuid[]", "bigint[]"))
    arrays = numbers.all(f"{facet.cast.split('::')[0]}[]" for facet in changed)
    entries, at = numbers.all(("uuid[]", "timestamptz"))
    kind, actor, request, client, via = numbers.all(ORIGIN)
    fields = [facet.name for facet in changed]
    told = [facet.name for facet in changed if not facet.field.slot]
    sets = [f"{it.name} = i.{it.name}{_as_json(it)}" for it in changed]
    sets += ["version = c.version + 1", f"updated_at = {at}"]
    carried = [api.shape.facets[it] for it in ("tenant_id", "id", "version", *fields)]
    kept = [api.shape.facets[it] for it in ("tenant_id", "id", *fields)]
    resource = writer.type
    return Statement(
        f"WITH {CONTEXT}, input AS MATERIALIZED (SELECT * FROM"  # noqa: S608  # our names
        f" unnest({', '.join([ids, versions, *arrays, entries])})"
        f" AS i({', '.join(['id', 'version', *fields, 'entry_id'])})),"
        f" old AS MATERIALIZED (SELECT {names(carried, 'o')}"
        f" FROM ctx CROSS JOIN LATERAL (SELECT {names(carried, 'c')}"
        f" FROM {HOME}.{table} c WHERE c.tenant_id = ctx.tenant_id"
        f" AND c.id = ANY({ids}) AND c.deleted_at IS NULL"
        " ORDER BY c.id FOR UPDATE) o),"
        f" new AS (UPDATE {HOME}.{table} c SET {', '.join(sets)}"
        " FROM old JOIN input i ON i.id = old.id AND i.version = old.version"
        " WHERE EXISTS (SELECT FROM old) AND c.tenant_id = old.tenant_id"
        f" AND c.id = old.id RETURNING {names(kept, 'c')}, i.entry_id),"
        f" told AS (SELECT new.tenant_id, new.id, new.entry_id, {_changes(told)}"
        " AS changes FROM new JOIN old ON old.id = new.id),"
        f" audit AS (INSERT INTO {HOME}.audit_log {AUDIT}"
        f" SELECT t.tenant_id, t.entry_id, {at}, '{writer.name}.{UPDATE.name}',"
        f" '{resource}', t.id, {kind}, {actor}, {request}, {client}, {via}, t.changes"
        f" FROM told t), outbox AS (INSERT INTO {HOME}.outbox {OUTBOX}"
        f" SELECT t.tenant_id, t.entry_id, {at}, '{resource}.{UPDATE.past}', t.id,"
        f" t.changes, {actor}, {request} FROM told t) SELECT id FROM new"
    )


def _as_json(facet: Facet) -> str:
    return "::jsonb" if "::" in facet.cast else ""


def _changes(fields: Sequence[str]) -> str:
    """A JSON object of the fields that differ, each with its old and new value."""
    rows = ", ".join(
        f"('{name}', jsonb_build_array(old.{name}, new.{name}),"
        f" old.{name} IS DISTINCT FROM new.{name})"
        for name in fields
    )
    return (
        "(SELECT COALESCE(jsonb_object_agg(d.k, d.v) FILTER (WHERE d.differs), '{}')"  # noqa: S608  # our names
        f" FROM (VALUES {rows}) AS d(k, v, differs))"
    )
