"""Every operation says who may call it; one that forgets to does not pass."""

from pathlib import Path

from insula.kernel.access.operation import Audience, Operation
from insula.kernel.database.cluster import cluster_at
from insula.kernel.foundation.settings import Settings
from insula.kernel.resource.engine import registered_apps
from insula.server.build import operations
from insula.server.platform import Platform

SELF_SERVICE = ("/api/v1/auth/", "/api/v1/profile", "/api/v1/portal/")
"""Where somebody deals with what is theirs alone: no role gives or takes it."""
THEIR_OWN = {
    "comments.delete",
    "comments.update",
    "data_requests.create",
    "dashboard.read",
    "data_requests.link",
    "events.list",
    "events.socket",
    "events.stream",
    "events.tickets.create",
    *("exports.cancel", "exports.create", "exports.link", "exports.list"),
    *("exports.read", "imports.cancel", "imports.check", "imports.create"),
    *("imports.errors", "imports.fix", "imports.list", "imports.read", "imports.rows"),
    *("imports.start", "imports.update"),
    "mcp.message",
    "meta.list",
    "meta.read",
    "notification_preferences.read",
    "notification_preferences.replace",
    "notifications.list",
    "notifications.read",
    "notifications.read_all",
    *(f"saved_views.{it}" for it in ("create", "delete", "list", "read", "update")),
    "search.read",
    "tenant.read",
}
"""The same elsewhere. Of events, of what there is and of what is found, each is shown
what they have a permission for."""
LISTED = ".reports.list"
"""The reports of an app: each is shown those that they may see."""
OPEN = (Audience.visitor, Audience.gate)
"""Whoever comes may ask these: they look themselves at what comes along."""


def every() -> tuple[Operation, ...]:
    """The operations as they are composed, over no server."""
    cluster = cluster_at(
        "postgresql://nobody@localhost:1", prefix="none", key=bytes(32)
    )
    platform = Platform(Settings(data_dir=Path("nowhere")), cluster, registered_apps())
    return operations(platform)


def test_an_operation_without_a_permission_is_self_service() -> None:
    """Promise 3, S0-54: an operation that nobody thought of is open to nobody."""
    silent = {
        it.name: it.path
        for it in every()
        if it.permission is None and it.audience not in OPEN
    }
    undeclared = {
        name: path
        for name, path in silent.items()
        if not path.startswith(SELF_SERVICE)
        and name not in THEIR_OWN
        and not name.endswith(LISTED)
    }
    assert undeclared == {}
    assert {it for it in THEIR_OWN if it not in silent} == set()
