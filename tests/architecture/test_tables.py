"""The tables of every app and service: what their columns are of, and how rows are found."""

import re
from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import Column, Index, Table, Uuid

from insula.kernel.database.walls import TENANT_METADATA
from insula.kernel.resource.engine import registered_apps
from insula.server.platform import series_of

SERIES = series_of(registered_apps())
"""Loaded with them: whatever has tables."""
TABLES: Mapping[str, Table] = TENANT_METADATA.tables
STANDARD = frozenset(
    {"created_at", "updated_at", "version", "deleted_at", "position", "custom"}
)
ITS_OWN = frozenset(
    {"name", "title", "label", "kind", "state", "status", "value", "scopes", "source"}
    | {"email", "phone", "currency", "amount_minor", "locale", "external_id"}
)
"""What a row has for itself, whatever the row that it refers to is called or worth."""
COPIED = {
    ("crm_deals", "crm_stages"): "a deal's own chance, which may differ",
    ("crm_leads", "people_contacts"): "as it was told, before anybody knew who it is",
    ("maintenance_routines", "maintenance_assets"): "one asset, or all of a category",
}
"""What repeats a field of what it refers to, and why that is another fact."""
NUMBERED = re.compile(r"(?<!custom_)(?<![0-9])[0-9]{1,2}$")
"""But for the places of those fields that tenants add themselves."""
ELSEWHERE = {
    r".*_by|actor_id|owner_id|assignee_id|keeper_id": "who may be gone, key or contact",
    r"user_id|session_id|client_id": "who may be gone",
    r"(row|resource|subject|survivor|merged|last)_id|floor": "a row of any resource",
    r"(event|delivery|run|merge)_id|undoes": "what is not kept as long",
    r"(first|second)_id": "two of which one is gone when they are merged",
    r"(file|source|rows)_id": "a file, whose content may be gone first",
}
"""Ids of what no foreign key can point at, or must not keep alive."""


def own_columns(table: Table) -> Iterator[Column[object]]:
    """Ids of one table that are no key of it and point nowhere."""
    bound = {it.name for key in table.foreign_key_constraints for it in key.columns}
    for column in table.columns:
        known = bound | {"id", "tenant_id"}
        if isinstance(column.type, Uuid) and column.name not in known:
            yield column


@pytest.mark.parametrize("name", sorted(TABLES))
def test_an_id_is_a_foreign_key_or_is_told_why_not(name: str) -> None:
    """S3-56; that each has its index is looked up by ``tests/isolation``."""
    loose = [it.name for it in own_columns(TABLES[name])]
    unknown = [
        it for it in loose if not any(re.fullmatch(known, it) for known in ELSEWHERE)
    ]
    assert unknown == []


@pytest.mark.parametrize("name", sorted(TABLES))
def test_no_fact_is_told_twice(name: str) -> None:
    """S3-55: no fact repeats one of the row that is referred to, and none is numbered."""
    table = TABLES[name]
    assert not [it.name for it in table.columns if NUMBERED.search(it.name)]
    facts = {it.name for it in table.columns if is_fact(it)}
    for key in table.foreign_key_constraints:
        target = key.referred_table
        if target is not table and (name, target.name) not in COPIED:
            repeated = facts & {it.name for it in target.columns}
            assert repeated == set(), target.name


def is_fact(column: Column[object]) -> bool:
    """Whether it tells something by itself: no reference, nothing that every row has."""
    common = STANDARD | ITS_OWN
    referring = isinstance(column.type, Uuid) or column.name.startswith("custom_")
    return not referring and column.name not in common


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("users", ["tenant_id", "email"]),
        ("users", ["tenant_id", "created_at"]),
        ("team_members", ["tenant_id", "user_id"]),
    ],
)
def test_people_are_found_by_an_index(table: str, columns: list[str]) -> None:
    """S3-59: an organisation is a tenant here, and its parts are teams."""
    assert any(begins(it, columns) for it in TABLES[table].indexes)


def begins(index: Index, columns: list[str]) -> bool:
    """Whether an index finds rows by these columns."""
    return [getattr(it, "name", "") for it in index.expressions][
        : len(columns)
    ] == columns
