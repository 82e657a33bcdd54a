"""Tags: the words by which a tenant sorts its rows, and which row has which."""

import unicodedata
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from sqlalchemy import Index, String, Table, func, text
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.attached import ATTACHED, Attached
from insula.kernel.database.columns import Holds, ShortText, column, maker, ref
from insula.kernel.database.kinds import computed
from insula.kernel.database.model import LIVE, TenantModel, TenantRow
from insula.kernel.foundation.words import Words
from insula.kernel.resource.rules import Rule

LONGEST_NAME = 50


def tag_name(name: str) -> str:
    """A name as it is kept; raises ``ValueError`` for what nobody could see or type."""
    kept = " ".join(unicodedata.normalize("NFC", name).split())
    if not kept or any(unicodedata.category(it)[0] == "C" for it in kept):
        raise ValueError(Words("write letters, digits and signs"))
    return kept


TagName = Annotated[
    str,
    mapped_column(String(LONGEST_NAME)),
    Field(min_length=1, max_length=LONGEST_NAME),
    AfterValidator(tag_name),
]
Colour = Annotated[
    str,
    mapped_column(String(7)),
    Field(pattern=r"^#[0-9a-f]{6}$", examples=["#0a7c4f"]),
]
"""As a screen shows it: ``#`` and six digits of base 16."""


class Tag(TenantModel):
    """A word that rows of any resource may carry; its case tells nothing apart."""

    __tablename__ = "tags"

    name: Mapped[TagName] = column(unique=True, holds=Holds.text)
    colour: Mapped[Colour | None] = column(default=None, holds=Holds.nothing)
    key: Mapped[ShortText] = computed(
        lambda row: func.lower(row["name"]), holds=Holds.text
    )
    created_by: Mapped[UUID | None] = maker()


class Tagging(Attached, TenantRow):
    """That a row has a tag."""

    __tablename__ = "taggings"
    __table_args__ = (
        Index(
            "uq_taggings_row", "tenant_id", "resource", "row_id", "tag_id", unique=True
        ),
        Index("ix_taggings_rows", "tenant_id", "tag_id", "resource", "row_id"),
        {"info": {ATTACHED: True}},
    )

    tag_id: Mapped[UUID] = ref("tags", part_of=True)


@dataclass(frozen=True)
class OneOfAName(Rule):
    """No two tags whose names differ by nothing but their case."""

    def apply(self, table: Table) -> str:
        """Add a unique index that starts with the tenant and skips deleted rows."""
        name, live = "uq_tags_key", text(LIVE)
        Index(name, table.c.tenant_id, table.c.key, unique=True, postgresql_where=live)
        return name
