"""Statements of a merge: one for each pointer, however many rows point.

What each of them moved is written down by the statement itself, for the way back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.resource.merging.clashes import Clash, clashes_of, trashable
from insula.kernel.resource.merging.pointers import Pointer
from insula.kernel.resource.statements import Cause, Deed, Numbers, journaled

MINE = "tenant_id = $1::text::uuid"
MOVES = f"{HOME}.merge_moves"
MOVED, TRASHED, CHANGED, BEHIND = "moved", "trashed", "changed", "behind"
"""What became of rows that pointed at the other one.

They point at the one that stays; or clashed, and went to the trash; or clashed, were
changed, and point at it; or clashed, and stayed where they were.
"""


@dataclass(frozen=True, slots=True)
class Moving:
    """The statements over one pointer, there and back."""

    pointer: Pointer
    there: Statement
    back: Mapping[str, Statement]


def moving(pointer: Pointer) -> Moving:
    """The statements of a pointer, worked out once."""
    clashes = clashes_of(pointer)
    yielding = [it for it in clashes if it.yields]
    stuck = [it for it in clashes if not it.yields]
    back = {MOVED: _back(pointer), TRASHED: _untrash(pointer)}
    for clash in yielding:
        for name in clash.yields:
            back[f"{CHANGED}:{name}"] = _unchange(pointer, name)
    return Moving(pointer, _there(pointer, stuck, yielding), back)


def _stamp(pointer: Pointer, alias: str, moment: str) -> str:
    columns = pointer.table.columns
    parts = [f"version = {alias}.version + 1"] if "version" in columns else []
    parts += [f"updated_at = {moment}"] if "updated_at" in columns else []
    return "".join(f", {it}" for it in parts)


def _there(pointer: Pointer, stuck: list[Clash], yielding: list[Clash]) -> Statement:
    """Arguments: from and to whom, the merge's id, the moment, ids of four notes.

    Answers, for each note, what became of how many rows.
    """
    table, column, moment = f"{HOME}.{pointer.name}", pointer.column, "$5::timestamptz"
    apart = " UNION ".join(it.sql(pointer, HOME) for it in stuck)
    apart = apart or "SELECT NULL::uuid AS id WHERE false"
    parts = [
        f"here AS MATERIALIZED (SELECT id FROM {table} WHERE {MINE}"  # noqa: S608  # our names
        f" AND {column} = $2::{pointer.cast}{pointer.only} ORDER BY id FOR UPDATE)",
        f"stuck AS MATERIALIZED ({apart})",
    ]
    sets, notes = "", [(f"'{MOVED}'", "moved", "'{}'::jsonb")]
    for at, clash in enumerate(yielding):
        for name, value in clash.yields.items():
            parts.append(_giving(pointer, f"y{at}{name}", clash, name))
            given = _literal(value)
            sets += (
                f", {name} = CASE WHEN c.id IN (SELECT id FROM y{at}{name})"  # noqa: S608  # our names
                f" THEN {given} ELSE c.{name} END"
            )
            before = "jsonb_object_agg(n.id, n.before)"
            notes.append((f"'{CHANGED}:{name}'", f"y{at}{name}", before))
    parts.append(
        f"moved AS (UPDATE {table} c SET {column} = $3::{pointer.cast}{sets}"  # noqa: S608  # our names
        f"{_stamp(pointer, 'c', moment)} FROM here WHERE c.{MINE} AND c.id = here.id"
        " AND c.id NOT IN (SELECT id FROM stuck WHERE id IS NOT NULL) RETURNING c.id)"
    )
    parts.append(_leaving(pointer, moment))
    kind = TRASHED if trashable(pointer.table) else BEHIND
    notes.append((f"'{kind}'", "gone", "'{}'::jsonb"))
    noted = " UNION ALL ".join(
        f"SELECT {what} AS what, count(*) AS rows, jsonb_agg(n.id) AS ids,"  # noqa: S608  # our names
        f" {before} AS before FROM {source} n"
        for what, source, before in notes
    )
    return Statement(
        f"WITH {', '.join(parts)}, noted AS ({noted}), kept AS ("  # noqa: S608  # our names
        f"INSERT INTO {MOVES} (tenant_id, id, created_at, merge_id, source, field, what,"
        " row_ids, before) SELECT $1::text::uuid, gen_random_uuid(),"
        f" {moment}, $4::uuid, '{pointer.name}', '{column}', what, ids, before"
        " FROM noted WHERE rows > 0) SELECT what, rows FROM noted WHERE rows > 0"
    )


def _giving(pointer: Pointer, called: str, clash: Clash, name: str) -> str:
    found = clash.sql(pointer, HOME)
    return (
        f"{called} AS MATERIALIZED (SELECT c.id, to_jsonb(c.{name}) AS before"  # noqa: S608  # our names
        f" FROM {HOME}.{pointer.name} c WHERE c.{MINE} AND c.id IN ({found}))"
    )


def _leaving(pointer: Pointer, moment: str) -> str:
    """Rows that clash: they stay behind, in the trash where there is one."""
    table = f"{HOME}.{pointer.name}"
    if not trashable(pointer.table):
        return "gone AS (SELECT id FROM stuck WHERE id IS NOT NULL)"
    return (
        f"gone AS (UPDATE {table} c SET deleted_at = {moment}"  # noqa: S608  # our names
        f"{_stamp(pointer, 'c', moment)} FROM here WHERE c.{MINE} AND c.id = here.id"
        " AND c.id IN (SELECT id FROM stuck) AND c.deleted_at IS NULL RETURNING c.id)"
    )


def _literal(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "NULL", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    raise TypeError(
        f"a rule yields true, false, a whole number or nothing, not {value}"
    )


def _noted(pointer: Pointer, what: str, merge: str) -> str:
    return (
        f"SELECT e.id::uuid FROM {MOVES} m CROSS JOIN LATERAL"  # noqa: S608  # our names
        f" jsonb_array_elements_text(m.row_ids) e(id) WHERE m.{MINE}"
        f" AND m.merge_id = {merge} AND m.source = '{pointer.name}'"
        f" AND m.field = '{pointer.column}' AND m.what = '{what}'"
    )


def _back(pointer: Pointer) -> Statement:
    """Arguments: back to whom, from whom, the merge's id, the moment."""
    table, column = f"{HOME}.{pointer.name}", pointer.column
    return Statement(
        f"WITH here AS MATERIALIZED (SELECT id FROM {table} WHERE {MINE}"  # noqa: S608  # our names
        f" AND id = ANY(ARRAY({_noted(pointer, MOVED, '$4::uuid')}))"
        f" AND {column} = $3::{pointer.cast}{pointer.only} ORDER BY id FOR UPDATE)"
        f" UPDATE {table} c SET {column} = $2::{pointer.cast}"
        f"{_stamp(pointer, 'c', '$5::timestamptz')} FROM here WHERE c.{MINE}"
        " AND c.id = here.id AND $5::timestamptz IS NOT NULL RETURNING c.id"
    )


def _untrash(pointer: Pointer) -> Statement:
    """The same arguments; a row that was restored or deleted since is left alone."""
    table = f"{HOME}.{pointer.name}"
    moment = f"(SELECT created_at FROM {MOVES} m WHERE m.{MINE} AND m.merge_id = $4::uuid LIMIT 1)"  # noqa: S608  # our names
    if not trashable(pointer.table):
        return Statement("SELECT NULL::uuid AS id WHERE false")
    return Statement(
        f"UPDATE {table} c SET deleted_at = NULL{_stamp(pointer, 'c', '$5::timestamptz')}"  # noqa: S608  # our names
        f" WHERE c.{MINE} AND c.id = ANY(ARRAY({_noted(pointer, TRASHED, '$4::uuid')}))"
        f" AND c.{pointer.column} = $2::{pointer.cast} AND c.deleted_at = {moment}"
        f" AND $3::{pointer.cast} IS NOT NULL AND $5::timestamptz IS NOT NULL"
        " RETURNING c.id"
    )


def _unchange(pointer: Pointer, name: str) -> Statement:
    """The same arguments; it follows the rows' own way back."""
    table = f"{HOME}.{pointer.name}"
    kind = pointer.table.c[name].type.compile()
    what = f"{CHANGED}:{name}"
    return Statement(
        f"UPDATE {table} c SET {name} = (m.before ->> c.id::text)::{kind}"  # noqa: S608  # our names
        f" FROM {MOVES} m WHERE c.{MINE} AND m.{MINE} AND m.merge_id = $4::uuid"
        f" AND m.source = '{pointer.name}' AND m.field = '{pointer.column}'"
        f" AND m.what = '{what}' AND m.before ? c.id::text"
        f" AND c.id = ANY(ARRAY({_noted(pointer, what, '$4::uuid')}))"
        f" AND c.{pointer.column} = $2::{pointer.cast}"
        f" AND $3::{pointer.cast} IS NOT NULL AND $5::timestamptz IS NOT NULL"
        " RETURNING c.id"
    )


def locking_all(pointers: list[Pointer]) -> Statement:
    """Lock the rows of a table that point by any of several columns, in key order.

    Two merges that meet the same rows by different columns would deadlock otherwise.
    """
    ways = " OR ".join(
        f"({it.column} = ${2 if it.cast == 'uuid' else 3}::{it.cast}{it.only})"
        for it in pointers
    )
    return Statement(
        f"SELECT count(*) FROM (SELECT id FROM {HOME}.{pointers[0].name}"  # noqa: S608  # our names
        f" WHERE {MINE} AND ({ways}) AND $2::uuid IS NOT NULL"
        " AND $3::varchar IS NOT NULL ORDER BY id FOR UPDATE) s"
    )


def above(pointer: Pointer) -> Statement:
    """Whether the row ``$3`` is found above ``$2``, along the pointer."""
    table = f"{HOME}.{pointer.name}"
    return Statement(
        f"WITH RECURSIVE up(id) AS (SELECT c.{pointer.column} FROM {table} c"  # noqa: S608  # our names
        f" WHERE c.{MINE} AND c.id = $2::uuid UNION SELECT c.{pointer.column}"
        f" FROM {table} c JOIN up ON c.id = up.id WHERE c.{MINE})"
        " SELECT 1 FROM up WHERE id = $3::uuid"
    )


def telling(deed: Deed) -> Statement:
    """The journal of a merge: the audit row and the event of the row that stays.

    Arguments: its id, the moment, what is told as JSON, then the journal's.
    """
    numbers = Numbers()
    key, at = numbers.next("uuid"), numbers.next("timestamptz")
    payload = numbers.next("text::jsonb")
    journal = journaled(numbers, deed, Cause("ctx", key, at, payload))
    return Statement(f"WITH {CONTEXT},{journal} SELECT 1 FROM ctx")  # noqa: S608  # our names
