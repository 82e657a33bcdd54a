"""The SQL of tagging: what rows get and lose, each with its journal, in one statement."""

from collections import OrderedDict

from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.resource.querying.selecting import Selection
from insula.kernel.resource.statements import (
    AUDIT,
    ORIGIN,
    OUTBOX,
    Deed,
    Numbers,
    Within,
)

MOST_SHAPES = 128

NAMED = Statement(
    """SELECT id, name, key FROM home__.tags WHERE tenant_id = $1::text::uuid
   AND deleted_at IS NULL AND key = ANY(ARRAY(
       SELECT lower(n) FROM unnest($2::varchar[]) n))"""
)
FOLDED = Statement(
    """SELECT $1::text AS tenant, n AS name, lower(n) AS key
  FROM unnest($2::varchar[]) n"""
)
OF_ROW = Statement(
    """SELECT t.id, t.name FROM home__.taggings g JOIN home__.tags t
    ON t.tenant_id = g.tenant_id AND t.id = g.tag_id AND t.deleted_at IS NULL
 WHERE g.tenant_id = $1::text::uuid AND g.resource = $2 AND g.row_id = $3
 ORDER BY t.key"""
)
CROWDED = Statement(
    """SELECT 1 FROM home__.taggings WHERE tenant_id = $1::text::uuid AND resource = $2
   AND row_id = ANY($3::uuid[]) GROUP BY row_id HAVING count(*) > $4::bigint LIMIT 1"""
)


def retagging(deed: Deed) -> Statement:
    """Give rows some tags and take others, with a journal for each row that changes.

    Arguments: the time, the rows, ids for their journal, the resource, the tags that
    are given, those that are taken, and the request's origin.
    """
    numbers = Numbers(used=7)
    kind, actor, request, client, via = numbers.all(ORIGIN)
    tenant = "$1::text::uuid"
    return Statement(
        "WITH input AS MATERIALIZED (SELECT * FROM unnest($3::uuid[], $4::uuid[])"  # noqa: S608  # our names
        " AS i(row_id, entry_id)),"
        f" made AS (INSERT INTO {HOME}.taggings"
        " (tenant_id, id, created_at, resource, row_id, tag_id)"
        f" SELECT {tenant}, gen_random_uuid(), $2::timestamptz, $5::varchar, i.row_id,"
        " a.id FROM input i CROSS JOIN unnest($6::uuid[]) a(id)"
        " ON CONFLICT DO NOTHING RETURNING row_id, tag_id),"
        f" gone AS (DELETE FROM {HOME}.taggings g USING input i"
        f" WHERE g.tenant_id = {tenant} AND g.resource = $5::varchar"
        " AND g.row_id = i.row_id AND g.tag_id = ANY($7::uuid[])"
        " RETURNING g.row_id, g.tag_id),"
        " done AS (SELECT row_id, tag_id, true AS is_new FROM made"
        " UNION ALL SELECT row_id, tag_id, false FROM gone),"
        f" told AS (SELECT i.row_id, i.entry_id, jsonb_build_object({_names('added')},"
        f" {_names('removed', 'NOT ')}) AS payload"
        " FROM done d JOIN input i ON i.row_id = d.row_id"
        f" JOIN {HOME}.tags t ON t.tenant_id = {tenant} AND t.id = d.tag_id"
        " GROUP BY i.row_id, i.entry_id),"
        f" audit AS (INSERT INTO {HOME}.audit_log {AUDIT}"
        f" SELECT {tenant}, entry_id, $2::timestamptz, '{deed.action}',"
        f" '{deed.resource}', row_id, {kind}, {actor}, {request}, {client}, {via},"
        " payload FROM told),"
        f" outbox AS (INSERT INTO {HOME}.outbox {OUTBOX}"
        f" SELECT {tenant}, entry_id, $2::timestamptz, '{deed.event}', row_id, payload,"
        f" {actor}, {request} FROM told)"
        " SELECT count(*) AS rows FROM told"
    )


def _names(key: str, negation: str = "") -> str:
    """The names of the tags that are given, or taken."""
    chosen = f"jsonb_agg(t.name ORDER BY t.key) FILTER (WHERE {negation}d.is_new)"
    return f"'{key}', COALESCE({chosen}, '[]')"


class Choosing:
    """The statements that lock the rows of a selection, by its shape."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._known: OrderedDict[object, Statement] = OrderedDict()

    def statement(self, selection: Selection, *, listed: bool) -> Statement:
        """Arguments: the selection's, the ids if they are ``listed``, and the limit."""
        key = selection.shape, listed
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._compiled(selection.sql, listed=listed)
            if len(self._known) > MOST_SHAPES:
                self._known.popitem(last=False)
        return found

    def _compiled(self, within: Within, *, listed: bool) -> Statement:
        numbers = Numbers()
        chosen = within(numbers)
        chosen += f" AND c.id = ANY({numbers.next('uuid[]')})" if listed else ""
        return Statement(
            f"WITH {CONTEXT} SELECT r.id FROM ctx CROSS JOIN LATERAL"  # noqa: S608  # our names
            f" (SELECT c.id FROM {HOME}.{self._table} c"
            f" WHERE c.tenant_id = ctx.tenant_id{chosen}"
            f" ORDER BY c.id LIMIT {numbers.next('bigint')} FOR UPDATE) r"
        )
