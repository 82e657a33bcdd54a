"""Places in the queues.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Places in the queues."""
    op.create_table(
        "queue_places",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("queue", sa.String(length=20), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["control.tenants.id"],
            name="fk_queue_places_tenant_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_queue_places"),
        sa.UniqueConstraint(
            "tenant_id", "queue", name="uq_queue_places_tenant_id_queue"
        ),
        schema="control",
    )
    op.create_index(
        "ix_queue_places_queue_place",
        "queue_places",
        ["queue", "place"],
        schema="control",
    )
