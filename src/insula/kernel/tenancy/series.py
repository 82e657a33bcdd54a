"""The kernel's own series of migrations; an app's come with its manifest."""

from pathlib import Path

from insula.kernel.database.migrations import Migrations
from insula.kernel.tenancy import models

_FOLDER = Path(__file__).parents[1] / "migrations"

CONTROL = Migrations(
    "control",
    _FOLDER / "control" / "versions",
    metadata=models.TenantRow.metadata,
    tables=("*",),
)
"""The operator's tables, in the control database."""

KERNEL = Migrations(
    "kernel",
    _FOLDER / "tenant" / "versions",
    tables=("users", "sessions", "audit_log", "outbox"),
)
"""The tables that every home has; a new one is named here, or nothing makes it."""
