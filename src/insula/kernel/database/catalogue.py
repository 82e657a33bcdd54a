"""The catalogue: whether a home is what D1-D4 ask, read from PostgreSQL itself."""

from insula.kernel.database.pool import Connection
from insula.kernel.database.search_functions import ARGUMENTS
from insula.kernel.database.searchable import searchables
from insula.kernel.database.walls import (
    APPEND_ONLY,
    SEARCH_POLICY,
    TENANT_METADATA,
    Roles,
)

SAME = (
    "(tenant_id = ( SELECT (NULLIF(current_setting('insula.tenant'::text, true),"
    " ''::text))::uuid AS \"nullif\"))"
)
"""The condition of every tenant's policy, as PostgreSQL prints it."""

TABLES = """
SELECT c.oid, c.relname AS name, c.relrowsecurity AS secured,
       c.relforcerowsecurity AS forced, pg_get_userbyid(c.relowner) AS owner,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                  AND a.attname = 'tenant_id' AND a.attnotnull) AS walled
  FROM pg_class c
 WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p', 'f')
   AND right(c.relname, 8) <> '_alembic' AND NOT c.relispartition
 ORDER BY c.relname
"""

# Its parent's walls hold for whoever asks the parent; by itself it must show nothing.
PARTITIONS = """
SELECT format('partition %s can be asked past its parent', c.relname) AS fault
  FROM pg_class c
 WHERE c.relnamespace = $1::regnamespace AND c.relispartition
   AND c.relkind IN ('r', 'p', 'f')
   AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity
        OR pg_get_userbyid(c.relowner) <> $2
        OR EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)
        OR EXISTS (SELECT FROM aclexplode(c.relacl) WHERE grantee <> c.relowner))
 ORDER BY c.relname
"""

POLICIES = """
SELECT c.relname AS name, array_agg(concat_ws(' ', p.polname, p.polcmd,
         CASE WHEN NOT p.polpermissive THEN 'restrictive' END,
         (SELECT string_agg(CASE WHEN r = 0 THEN 'public' ELSE pg_get_userbyid(r) END,
                            ', ') FROM unnest(p.polroles) r),
         'using', pg_get_expr(p.polqual, p.polrelid),
         'check ' || pg_get_expr(p.polwithcheck, p.polrelid))) AS facts
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
 WHERE c.relnamespace = $1::regnamespace
 GROUP BY 1
"""

GRANTS = """
SELECT c.relname AS name, array_agg(concat_ws(' ', CASE WHEN g.grantee = 0
         THEN 'public' ELSE pg_get_userbyid(g.grantee) END, g.privilege_type)) AS facts
  FROM pg_class c, aclexplode(c.relacl) g
 WHERE c.relnamespace = $1::regnamespace AND g.grantee <> c.relowner
 GROUP BY 1
"""

# A key of an index or constraint is an attribute number, 0 for an expression.
KEYS = """
SELECT c.relname AS name, format('%s %s does not begin with the tenant',
         CASE WHEN i.indisprimary THEN 'primary key' WHEN i.indisexclusion
              THEN 'exclusion' ELSE 'unique index' END, x.relname) AS fault
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
  JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname = 'tenant_id'
 WHERE c.relnamespace = $1::regnamespace AND i.indkey[0] <> t.attnum
   AND (i.indisunique OR i.indisprimary OR i.indisexclusion)
 UNION ALL
SELECT c.relname, 'there is no primary key'
  FROM pg_class c
 WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p')
   AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)
"""

REFERENCES = """
SELECT c.relname AS table, k.conname AS name,
       f.relnamespace <> c.relnamespace AS outside,
       k.conkey[1] = t.attnum AND k.confkey[1] = ft.attnum IS TRUE AS paired,
       EXISTS (SELECT FROM pg_index i
                WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL
                  AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] = k.conkey
              ) AS indexed
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
  LEFT JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname = 'tenant_id'
  LEFT JOIN pg_attribute ft ON ft.attrelid = f.oid AND ft.attname = 'tenant_id'
 WHERE k.contype = 'f' AND c.relnamespace = $1::regnamespace
"""

ESCAPES = """
SELECT 'view ' || c.relname || ' runs as its owner, not as who reads it' AS fault
  FROM pg_class c
 WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'v'
   AND array_to_string(c.reloptions, ' ') ~ 'security_invoker=(true|on)' IS NOT TRUE
 UNION ALL
SELECT 'materialized view ' || c.relname || ' is outside row-level security'
  FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'm'
 UNION ALL
SELECT 'column ' || c.relname || '.' || a.attname || ' has grants of its own'
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = $1::regnamespace AND a.attacl IS NOT NULL
 UNION ALL
SELECT g.role || ' has ' || g.privilege_type || ' on schema ' || n.nspname
  FROM pg_namespace n, LATERAL (
        SELECT CASE WHEN grantee = 0 THEN 'public' ELSE pg_get_userbyid(grantee) END
               AS role, grantee, privilege_type FROM aclexplode(n.nspacl)) g
 WHERE (n.oid = $1::regnamespace AND g.grantee <> n.nspowner
        AND (g.privilege_type <> 'USAGE' OR g.role <> ALL ($2::text[])))
    OR (n.nspname = 'public' AND g.grantee = 0)
 UNION ALL
SELECT 'schema public holds ' || c.relname
  FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
"""


# A default of "everybody may" is written as no list at all.
FUNCTIONS = """
SELECT p.oid::regprocedure::text AS name, p.prosrc AS body, p.proname,
       pg_get_userbyid(p.proowner) AS owner, p.proconfig AS settings,
       pg_get_function_identity_arguments(p.oid) AS arguments,
       ARRAY(SELECT concat_ws(' ', CASE WHEN g.grantee = 0 THEN 'public'
                    ELSE pg_get_userbyid(g.grantee) END, g.privilege_type)
               FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
              WHERE g.grantee <> p.proowner) AS grants
  FROM pg_proc p WHERE p.pronamespace = $1::regnamespace AND p.prosecdef
"""


async def faults(connection: Connection, schema: str, roles: Roles) -> list[str]:
    """Everything in a home's schema that the rules for data forbid, in words."""
    return [
        *await wall_faults(connection, schema, roles),
        *await shape_faults(connection, schema),
    ]


async def wall_faults(connection: Connection, schema: str, roles: Roles) -> list[str]:
    """What would let one tenant reach another's rows: row-level security, grants (D2)."""
    policies = await _facts(connection, POLICIES, schema)
    grants = await _facts(connection, GRANTS, schema)
    # These let nobody in: the role owns the functions that are looked at below.
    search = {f"{SEARCH_POLICY} r {roles.search} using true", f"{roles.search} SELECT"}
    found: list[str] = await _function_faults(connection, schema, roles)
    for table in await connection.fetch(TABLES, schema):
        name = table["name"]
        if not table["walled"]:
            found.append(f"table {name} has no tenant_id")
        elif policies.get(name, frozenset()) - search != _policies(roles):
            found.append(f"table {name} has not exactly its policies")
        if not table["secured"]:
            found.append(f"table {name} has row-level security off")
        if not table["forced"]:
            found.append(f"table {name} does not force row-level security")
        if table["owner"] != roles.owner:
            found.append(f"table {name} is owned by {table['owner']}")
        if grants.get(name, frozenset()) - search != _grants(name, roles):
            granted = ", ".join(sorted(grants.get(name, ())))
            found.append(f"table {name} has other grants than declared: {granted}")
    allowed = [roles.tenant, roles.reader, roles.search]
    rows = [
        *await connection.fetch(PARTITIONS, schema, roles.owner),
        *await connection.fetch(ESCAPES, schema, allowed),
    ]
    return found + [row["fault"] for row in rows]


async def shape_faults(connection: Connection, schema: str) -> list[str]:
    """Keys and references that do not carry the tenant, or lack their index (D1)."""
    found = [
        f"table {row['name']}: {row['fault']}"
        for row in await connection.fetch(KEYS, schema)
    ]
    for row in await connection.fetch(REFERENCES, schema):
        name = f"reference {row['name']} of table {row['table']}"
        if row["outside"]:
            found.append(f"{name} leaves the home")
        if not row["paired"]:
            found.append(f"{name} does not carry the tenant")
        if not row["indexed"]:
            found.append(f"{name} has no index")
    return found + await _search_faults(connection, schema)


async def _facts(
    connection: Connection, query: str, schema: str
) -> dict[str, frozenset[str]]:
    rows = await connection.fetch(query, schema)
    return {row["name"]: frozenset(row["facts"]) for row in rows}


async def _function_faults(
    connection: Connection, schema: str, roles: Roles
) -> list[str]:
    """Functions with rights of their own that are none of a search, or for all."""
    found = []
    for row in await connection.fetch(FUNCTIONS, schema):
        # Nobody but the owner can have made what belongs to the role of searches.
        if row["owner"] != roles.search or row["arguments"] != ARGUMENTS:
            found.append(f"function {row['name']} runs as its owner")
        elif list(row["grants"]) != [f"{roles.tenant} EXECUTE"]:
            found.append(f"function {row['name']} may be called by others")
    return found


async def _search_faults(connection: Connection, schema: str) -> list[str]:
    """Searches that are not those which this code declares: of newer code, maybe."""
    rows = await connection.fetch(FUNCTIONS, schema)
    found = {
        row["proname"]: (row["body"], tuple(row["settings"] or ())) for row in rows
    }
    made = {row["name"] for row in await connection.fetch(TABLES, schema)}
    every = [it for it in TENANT_METADATA.tables.values() if it.name in made]
    ways = [searchables(every, alike=alike) for alike in (True, False)]
    return [
        f"table {one.table} is not searched as declared"
        for one, plain in zip(*ways, strict=True)
        if found.get(one.function)
        not in [(it.body(schema), it.settings()) for it in (one, plain)]
    ]


def _policies(roles: Roles) -> frozenset[str]:
    return frozenset(
        (
            f"tenant_isolation * public using {SAME} check {SAME}",
            f"operator_reads r {roles.reader} using true",
        )
    )


def _grants(table: str, roles: Roles) -> frozenset[str]:
    verbs = ["SELECT", "INSERT"]
    declared = TENANT_METADATA.tables.get(table)
    if declared is None or not declared.info.get(APPEND_ONLY):
        verbs += ["UPDATE", "DELETE"]
    return frozenset(
        [*(f"{roles.tenant} {verb}" for verb in verbs), f"{roles.reader} SELECT"]
    )
