"""Custom fields: what tenants add to the rows of an app."""

import re
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import Code, Holds, ShortText, column, maker
from insula.kernel.database.model import TenantModel
from insula.kernel.foundation.words import Words
from insula.kernel.resource.custom.kinds import MOST_CHOICES, CustomKind

MOST_LABELS = 50
SLUG = re.compile(r"[a-z][a-z0-9_]{0,39}")


def _named(labels: dict[str, str]) -> dict[str, str]:
    """Labels by language."""
    fits = (len(name) <= 35 and 0 < len(it) <= 255 for name, it in labels.items())
    if len(labels) > MOST_LABELS or not all(fits):
        raise ValueError(Words("it is a short label for each language"))
    return labels


def _slug(key: str) -> str:
    if not SLUG.fullmatch(key):
        raise ValueError(Words("it is a short name such as tax_office"))
    return key


def _choices(choices: list[str]) -> list[str]:
    if any("," in it or "\x00" in it for it in choices):
        raise ValueError(Words("a choice has no comma"))
    if len({it.casefold() for it in choices}) != len(choices):
        raise ValueError(Words("two choices are the same"))
    return choices


Name = Annotated[Code, Field(examples=["people.companies"])]
Key = Annotated[Code, AfterValidator(_slug)]
Labels = Annotated[dict[str, str], mapped_column(JSONB), AfterValidator(_named)]
Choice = Annotated[str, Field(min_length=1, max_length=100)]
Choices = Annotated[
    list[Choice],
    mapped_column(JSONB),
    Field(max_length=MOST_CHOICES),
    AfterValidator(_choices),
]


class CustomField(TenantModel):
    """A field that a tenant added to a resource, and what may be in it.

    One that is archived is not shown and keeps its values; one that is deleted loses
    them. A ``filterable`` one can be filtered and sorted by as soon as it is ``ready``.
    """

    __tablename__ = "custom_fields"
    __table_args__ = (
        Index(
            "uq_custom_fields_slot",
            "tenant_id",
            "resource",
            "slot",
            unique=True,
            postgresql_where=text("slot IS NOT NULL"),
        ),
    )

    resource: Mapped[Name] = column(immutable=True, holds=Holds.nothing)
    key: Mapped[Key] = column(immutable=True, holds=Holds.nothing)
    kind: Mapped[CustomKind] = column(immutable=True)
    label: Mapped[ShortText] = column(holds=Holds.nothing)
    labels: Mapped[Labels] = column(default={}, holds=Holds.nothing)
    help: Mapped[ShortText | None] = column(default=None, holds=Holds.nothing)
    choices: Mapped[Choices] = column(default=[], holds=Holds.nothing)
    required: Mapped[bool] = column(default=False)
    filterable: Mapped[bool] = column(default=False)
    position: Mapped[int] = column(default=0, min=0, max=10_000)
    archived: Mapped[bool] = column(default=False)
    ready: Mapped[bool] = column(default=False, read_only=True)
    slot: Mapped[Code | None] = column(
        default=None, read_only=True, holds=Holds.nothing
    )
    run_id: Mapped[UUID | None] = column(default=None, read_only=True)
    """Which going through the rows is the present one; others stop."""
    created_by: Mapped[UUID | None] = maker()
