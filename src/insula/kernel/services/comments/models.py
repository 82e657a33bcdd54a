"""Comments: what people say of rows."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field
from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.attached import ATTACHED, Attached
from insula.kernel.database.columns import Holds, OnDelete, column, maker, ref
from insula.kernel.database.model import TenantModel
from insula.kernel.database.personal import PERSON, About

LONGEST_TEXT = 10_000
CommentText = Annotated[str, mapped_column(Text), Field(max_length=LONGEST_TEXT)]


class Comment(Attached, TenantModel):
    """What somebody said of a row, as Markdown, or answered to another comment of it.

    One that was deleted has no text any more, and stays for the answers to it.
    """

    __tablename__ = "comments"
    __table_args__ = (
        Index("ix_comments_row", "tenant_id", "resource", "row_id", "id"),
        {"info": {ATTACHED: True, PERSON: About("created_by")}},
    )

    text: Mapped[CommentText] = column(holds=Holds.text)
    parent_id: Mapped[UUID | None] = ref(
        "comments", default=None, immutable=True, on_delete=OnDelete.cascade
    )
    edited_at: Mapped[datetime | None] = column(default=None, read_only=True)
    created_by: Mapped[UUID | None] = maker()
