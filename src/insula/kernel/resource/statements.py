"""SQL texts: the cheapest correct form of each operation, written once per shape.

The forms were measured on PostgreSQL 15 and 18, over small and large tables and both
custom and generic plans. Each runs in a transaction of its own and sets the tenant
inside itself; each filters by the tenant explicitly, and row-level security filters
again. A write carries its audit row and its outbox row in the same statement.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from insula.kernel.database.sequences import counted
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.resource.shape import Facet, Shape

AUDIT = (
    "(tenant_id, id, created_at, action, resource, resource_id,"
    " actor_kind, actor_id, request_id, client, via, changes)"
)
OUTBOX = "(tenant_id, id, created_at, name, resource_id, payload, actor_id, request_id)"
NAME = re.compile(r"[a-z][a-z0-9_.]*")
LIVE = " AND c.deleted_at IS NULL"
ORIGIN = ("varchar", "uuid", "varchar", "varchar", "varchar")
"""Casts of ``Context.origin``: actor's kind and id, request, client, via."""


class Numbers:
    """Hands out ``$n`` with a cast, in the order in which arguments are passed."""

    def __init__(self, used: int = 1) -> None:
        self.used = used

    def next(self, cast: str) -> str:
        """The next parameter, as a typed expression."""
        self.used += 1
        return f"${self.used}::{cast}"

    def all(self, casts: Iterable[str]) -> list[str]:
        """The next parameters, one a cast."""
        return [self.next(cast) for cast in casts]


Within = Callable[[Numbers], str]
"""A further condition on the row ``c``, with an AND before it."""


def everywhere(_: Numbers) -> str:
    """No further condition."""
    return ""


def names(facets: Iterable[Facet], alias: str) -> str:
    """The columns of some facets, each with an alias in front."""
    return ", ".join(f"{alias}.{facet.name}" for facet in facets)


def getting(
    table: str,
    fields: Sequence[Facet],
    *,
    trashable: bool,
    within: Within = everywhere,
) -> Statement:
    """One row by its id. Arguments: the id, then those of ``within``."""
    return Statement(
        f"WITH {CONTEXT} SELECT {names(fields, 'r')}"  # noqa: S608  # our names
        f" FROM ctx CROSS JOIN LATERAL (SELECT {names(fields, 'c')}"
        f" FROM {HOME}.{table} c WHERE c.tenant_id = ctx.tenant_id AND c.id = $2::uuid"
        f"{LIVE if trashable else ''}{within(Numbers(used=2))} LIMIT 1) r"
    )


def locking(
    table: str,
    fields: Sequence[Facet],
    *,
    trashable: bool,
    within: Within = everywhere,
) -> Statement:
    """Rows by their ids, locked in key order (D8).

    Arguments: the ids, then those of ``within``.
    """
    return Statement(
        f"WITH {CONTEXT} SELECT {names(fields, 'r')}"  # noqa: S608  # our names
        f" FROM ctx CROSS JOIN LATERAL (SELECT {names(fields, 'c')}"
        f" FROM {HOME}.{table} c WHERE c.tenant_id = ctx.tenant_id"
        f" AND c.id = ANY($2::uuid[]){LIVE if trashable else ''}"
        f"{within(Numbers(used=2))}"
        " ORDER BY c.id FOR UPDATE) r"
    )


@dataclass(frozen=True, slots=True)
class Deed:
    """What a write is called: as an action, by its resource, and as an event."""

    action: str
    resource: str
    event: str

    def __post_init__(self) -> None:
        """Names of ours alone become part of a statement."""
        for name in (self.action, self.resource, self.event):
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of ours")


@dataclass(frozen=True, slots=True)
class Cause:
    """Where a journal's row comes from: a relation, and expressions over it."""

    source: str
    key: str
    at: str
    payload: str


def journaled(numbers: Numbers, deed: Deed, cause: Cause) -> str:
    """The audit and outbox parts of a write; both rows have one id.

    Arguments: the id, then the request's origin.
    """
    entry = numbers.next("uuid")
    kind, actor, request, client, via = numbers.all(ORIGIN)
    source, key, at = cause.source, cause.key, cause.at
    return (
        f" audit AS (INSERT INTO {HOME}.audit_log {AUDIT}"  # noqa: S608  # our names
        f" SELECT {source}.tenant_id, {entry}, {at}, '{deed.action}',"
        f" '{deed.resource}', {key}, {kind}, {actor}, {request}, {client}, {via},"
        f" {cause.payload} FROM {source}),"
        f" outbox AS (INSERT INTO {HOME}.outbox {OUTBOX}"
        f" SELECT {source}.tenant_id, {entry}, {at}, '{deed.event}', {key},"
        f" {cause.payload}, {actor}, {request} FROM {source})"
    )


def literals(shape: Shape) -> dict[str, str]:
    """The defaults of columns without NULL, as SQL: fewer arguments to carry."""
    found: dict[str, str] = {}
    for facet in shape.stored:
        default = facet.field.default
        if facet.nullable or facet.name == "version":
            continue
        if isinstance(default, str) and NAME.fullmatch(default):
            found[facet.name] = f"'{default}'"
        elif isinstance(default, int):
            found[facet.name] = str(default).lower()
        elif default == {} or default == []:
            found[facet.name] = f"'{default}'::jsonb"
    return found


def creating(table: str, shape: Shape, given: Sequence[str], deed: Deed) -> Statement:
    """One new row with its journal; columns not given have their default, or NULL.

    ``version`` is 1 and ``updated_at`` is ``created_at``, which is always given.
    Arguments: the given columns' values, the row as JSON, then the journal's.
    """
    numbers = Numbers()
    values = {name: numbers.next(shape.facets[name].cast) for name in given}
    values |= {k: v for k, v in literals(shape).items() if k not in values}
    for name, value in (("version", "1"), ("updated_at", values["created_at"])):
        if name in shape.facets:
            values[name] = value
    # The row as JSON is read once: audit and outbox take it from there.
    context = f"{CONTEXT[:-1]}, {numbers.next('text::jsonb')} AS payload)"
    if shape.derived:
        return _creating_derived(table, shape, deed, (context, values, numbers))
    cause = Cause("ctx", values["id"], values["created_at"], "ctx.payload")
    journal = journaled(numbers, deed, cause)
    columns = ", ".join(values)
    return Statement(
        f"WITH {context}, made AS (INSERT INTO {HOME}.{table}"  # noqa: S608  # our names
        f" (tenant_id, {columns}) SELECT ctx.tenant_id,"
        f" {', '.join(values.values())} FROM ctx),"
        f"{journal} SELECT 1 FROM ctx"
    )


Draft = tuple[str, dict[str, str], Numbers]
"""A statement that makes a row, as far as it is written: context, values, numbers."""


def _creating_derived(table: str, shape: Shape, deed: Deed, draft: Draft) -> Statement:
    """The same for rows of which PostgreSQL gives some values; it answers those.

    A number that is not given is counted up in the statement, gapless because both
    commit or neither does. The journal gets the row with the values.
    """
    context, values, numbers = draft
    source, counting = "ctx", ""
    for facet in shape.derived:
        sequence = facet.field.sequence
        if sequence is None or facet.name in values:
            continue
        first = (f"'{sequence.name}'", str(sequence.start), "1")
        one = counted(
            ("gen_random_uuid()", values["created_at"], *first),
            "SELECT ctx.tenant_id, {} FROM ctx",
        )
        counting += f" counted_{facet.name} AS ({one}),"
        source += f" CROSS JOIN counted_{facet.name}"
        values[facet.name] = f"counted_{facet.name}.value"
    shown = (it for it in shape.derived if it in shape.readable)
    pairs = ", ".join(f"'{it.name}', made.{it.name}" for it in shown)
    journal = journaled(
        numbers, deed, Cause("whole", values["id"], values["created_at"], "payload")
    )
    return Statement(
        f"WITH {context},{counting} made AS (INSERT INTO {HOME}.{table} AS c"  # noqa: S608  # our names
        f" (tenant_id, {', '.join(values)}) SELECT ctx.tenant_id,"
        f" {', '.join(values.values())} FROM {source}"
        f" RETURNING {names(shape.derived, 'c')}),"
        f" whole AS (SELECT ctx.tenant_id, ctx.payload || jsonb_build_object({pairs})"
        f" AS payload, {names(shape.derived, 'made')} FROM ctx CROSS JOIN made),"
        f"{journal} SELECT {names(shape.derived, 'whole')} FROM whole"
    )


def creating_many(table: str, shape: Shape, deed: Deed) -> Statement:
    """Many new rows with their journal; those that clash with a row are left out.

    Arguments: an array for every column that is written but ``deleted_at``; arrays of journal
    ids and rows as JSON; the time; then the request's origin. Answers the ids of the
    rows that were made.
    """
    numbers = Numbers()
    facets = [facet for facet in shape.written if facet.name != "deleted_at"]
    arrays = numbers.all(f"{facet.cast.split('::')[0]}[]" for facet in facets)
    arrays += numbers.all(("uuid[]", "text[]"))
    at = numbers.next("timestamptz")
    kind, actor, request, client, via = numbers.all(ORIGIN)
    columns = [facet.name for facet in facets]
    values = ", ".join(
        f"i.{facet.name}::jsonb" if "::" in facet.cast else f"i.{facet.name}"
        for facet in facets
    )
    return Statement(
        f"WITH {CONTEXT}, input AS MATERIALIZED (SELECT * FROM"  # noqa: S608  # our names
        f" unnest({', '.join(arrays)})"
        f" AS i({', '.join(columns)}, entry_id, payload)),"
        f" made AS (INSERT INTO {HOME}.{table} (tenant_id, {', '.join(columns)})"
        f" SELECT ctx.tenant_id, {values} FROM ctx CROSS JOIN input i"
        " ON CONFLICT DO NOTHING RETURNING tenant_id, id),"
        f" audit AS (INSERT INTO {HOME}.audit_log {AUDIT}"
        f" SELECT made.tenant_id, i.entry_id, {at}, '{deed.action}',"
        f" '{deed.resource}', made.id,"
        f" {kind}, {actor}, {request}, {client}, {via}, i.payload::jsonb"
        " FROM made JOIN input i ON i.id = made.id),"
        f" outbox AS (INSERT INTO {HOME}.outbox {OUTBOX}"
        f" SELECT made.tenant_id, i.entry_id, {at}, '{deed.event}', made.id,"
        f" i.payload::jsonb, {actor}, {request}"
        " FROM made JOIN input i ON i.id = made.id) SELECT id FROM made"
    )


def changing(
    table: str,
    shape: Shape,
    changed: Sequence[str],
    deed: Deed,
    *,
    deleted: bool = False,
    within: Within = everywhere,
) -> Statement:
    """Change some fields of one row, if its version is the one that was read.

    Arguments: id, version (NULL for whatever it is), the changed fields' values, the
    time, the journal's, then those of ``within``. Answers no row when there is none,
    and a row whose ``id`` is NULL when the version differs or its state forbids it.

    ``UPDATE … FROM ctx`` would find nothing, because PostgreSQL evaluates the policy
    before the context: hence the row is locked and carried through ``old`` first.
    """
    numbers = Numbers()
    row_id, version = numbers.all(("uuid", "bigint"))
    given = {name: numbers.next(shape.facets[name].cast) for name in changed}
    sets = [f"{name} = {_set(shape.facets[name], it)}" for name, it in given.items()]
    frozen = [(*shape.frozen[name], name) for name in changed if name in shape.frozen]
    at = numbers.next("timestamptz")
    sets += ["version = c.version + 1", f"updated_at = {at}"]
    states = (state for state, *_ in frozen)
    kept = dict.fromkeys(["tenant_id", "id", "version", *changed, *states])
    carried = [shape.facets[name] for name in kept]
    told = [name for name in changed if name not in shape.slots]
    journal = journaled(numbers, deed, Cause("new", "new.id", at, _changes(told)))
    scope = within(numbers)
    allowed = "".join(
        f" AND NOT (old.{state} IN ({values}) AND old.{name}"
        f" IS DISTINCT FROM {given[name]})"
        for state, values, name in frozen
    )
    return Statement(
        f"WITH {CONTEXT}, old AS MATERIALIZED (SELECT {names(carried, 'o')}"  # noqa: S608  # our names
        f" FROM ctx CROSS JOIN LATERAL (SELECT {names(carried, 'c')}"
        f" FROM {HOME}.{table} c WHERE c.tenant_id = ctx.tenant_id AND c.id = {row_id}"
        f" AND c.deleted_at IS {'NOT ' if deleted else ''}NULL{scope}"
        " LIMIT 1 FOR UPDATE) o),"
        f" new AS (UPDATE {HOME}.{table} c SET {', '.join(sets)} FROM old"
        " WHERE (SELECT true FROM old) AND c.tenant_id = old.tenant_id"
        f" AND c.id = old.id AND old.version = COALESCE({version}, old.version){allowed}"
        f" RETURNING c.tenant_id, {names(shape.stored, 'c')}),"
        f"{journal} SELECT {names(shape.readable, 'new')}"
        " FROM old LEFT JOIN new ON true"
    )


def _set(facet: Facet, value: str) -> str:
    """What a field becomes: of a document, members that become null go."""
    if facet.field.merged:
        return f"jsonb_strip_nulls(c.{facet.name} || {value})"
    return value


def _changes(changed: Sequence[str]) -> str:
    """A JSON object of the fields that differ, each with its old and new value."""
    rows = ", ".join(
        f"('{name}', jsonb_build_array(old.{name}, new.{name}),"
        f" old.{name} IS DISTINCT FROM new.{name})"
        for name in changed
    )
    if not rows:
        return "'{}'::jsonb"
    return (
        "(SELECT COALESCE(jsonb_object_agg(d.k, d.v) FILTER (WHERE d.differs), '{}')"  # noqa: S608  # our names
        f" FROM old CROSS JOIN LATERAL (VALUES {rows}) AS d(k, v, differs))"
    )
