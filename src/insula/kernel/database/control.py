"""The base of the control database's tables: the operator's own, without tenants' rows."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import MetaData, Uuid, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from insula.kernel.database.columns import TYPES
from insula.kernel.foundation.ids import uuid7

CONTROL_SCHEMA = "control"


class ControlModel(DeclarativeBase):
    """A row of the operator's."""

    type_annotation_map: ClassVar[dict[Any, Any]] = TYPES
    metadata = MetaData(
        schema=CONTROL_SCHEMA,
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        },
    )

    id: Mapped[UUID] = mapped_column(
        Uuid, primary_key=True, default=uuid7, sort_order=-20
    )
    created_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), sort_order=20
    )
