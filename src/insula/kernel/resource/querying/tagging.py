"""Tags: how those of a row stand in its answer, and how rows are found by theirs.

They lie in tables of their own, which a service writes. Both forms read them with the
statement that they become part of; ``tags.key`` is compared, which a name's case does
not change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from insula.kernel.database.columns import Field
from insula.kernel.database.model import TENANT_SETTING
from insula.kernel.database.session import HOME
from insula.kernel.resource.querying.conditions import IN, IS_NULL, OUT
from insula.kernel.resource.shape import Facet
from insula.kernel.resource.statements import Numbers

TAGS = "tags"
GIVEN = (
    f"FROM {HOME}.taggings g JOIN {HOME}.tags t ON t.tenant_id = g.tenant_id"
    " AND t.id = g.tag_id AND t.deleted_at IS NULL WHERE g.tenant_id = {row}.tenant_id"
    " AND g.resource = '{resource}' AND g.row_id = {row}.id"
)
OF_ROW = " AND g.row_id = {row}.id"
TENANT = f"(SELECT {TENANT_SETTING})"
"""For what is read once, before any row: it must depend on none."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Something in a row's answer that lies in other tables.

    ``sql`` writes it down of the row of that alias, in a statement that has ``ctx``.
    """

    name: str
    sql: Callable[[str], str]
    schema: Mapping[str, Any]


def tags_of(resource: str) -> Beside:
    """The names of a row's tags, as they are sorted."""
    given = GIVEN.replace("{row}.tenant_id", "ctx.tenant_id")

    def sql(row: str) -> str:
        named = "COALESCE(json_agg(t.name ORDER BY t.key), '[]'::json)"
        return f"SELECT {named} {given.format(row=row, resource=resource)}"

    names = {"type": "array", "items": {"type": "string"}, "readOnly": True}
    return Beside(TAGS, sql, {**names, "description": "The names of its tags."})


def sought_tags(resource: str) -> Facet:
    """By what rows are found that have a tag, or none of some, or none at all."""
    given = GIVEN.format(row="c", resource=resource)
    tagged = GIVEN.removesuffix(OF_ROW).replace("{row}.tenant_id", TENANT)
    tagged = tagged.format(resource=resource)

    def sought(operator: str, numbers: Numbers) -> str:
        if operator not in (IN, OUT):
            found = "NOT EXISTS" if operator == IS_NULL else "EXISTS"
            return f"{found} (SELECT 1 {given})"
        folded = f"SELECT lower(n) FROM unnest({numbers.next('varchar[]')}) n"  # noqa: S608  # our names
        asked = f" AND t.key = ANY(ARRAY({folded}))"
        if operator == OUT:
            return f"NOT EXISTS (SELECT 1 {given}{asked})"
        # What is found is paid for, however many rows there are: PostgreSQL cannot know
        # how rare a tag is, and would look at every row for one that two rows have.
        return f"c.id = ANY(ARRAY(SELECT g.row_id {tagged}{asked}))"

    return Facet(
        name=TAGS,
        cast="varchar",
        annotation=str,
        nullable=True,
        field=Field(default=None, read_only=True),
        bind=None,
        load=None,
        sought=sought,
    )


def mark_of(tags: bytes) -> str:
    """What tells the tags of a row from others in its ETag; nothing without any."""
    return "" if tags == b"[]" else f"-{crc32(tags):08x}"
