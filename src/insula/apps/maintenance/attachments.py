"""Attachments: which files belong to an asset or a work order."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from insula.sdk import (
    Check,
    Code,
    Holds,
    Mapped,
    Resource,
    ShortText,
    TenantModel,
    column,
    ref,
)

MediaType = Annotated[
    ShortText, Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$", examples=["image/jpeg"])
]
Digest = Annotated[Code, Field(pattern=r"^[0-9a-f]{64}$", examples=["0" * 64])]
LARGEST = 5 * 2**30


class Attachment(TenantModel):
    """What is known of a file: never changed, for it describes that very content."""

    __tablename__ = "maintenance_attachments"

    name: Mapped[ShortText] = column(immutable=True, holds=Holds.text)
    content_type: Mapped[MediaType] = column(immutable=True, holds=Holds.nothing)
    size: Mapped[int] = column(immutable=True, min=0, max=LARGEST)
    sha256: Mapped[Digest] = column(immutable=True, holds=Holds.nothing)
    asset_id: Mapped[UUID | None] = ref(
        "maintenance.assets", default=None, immutable=True
    )
    work_order_id: Mapped[UUID | None] = ref(
        "maintenance.work_orders", default=None, immutable=True
    )


attachments = Resource(
    Attachment,
    filters=(Attachment.asset_id, Attachment.work_order_id),
    sort=(Attachment.created_at, Attachment.name),
    rules=(
        Check(
            "asset_or_work_order",
            Attachment.asset_id.is_(None) != Attachment.work_order_id.is_(None),
            field=Attachment.asset_id,
            code="asset_or_work_order",
        ),
    ),
)
