"""The audit log as its tenant reads it: who did what, the newest first."""

from insula.kernel.events.journal import AuditEntry
from insula.kernel.resource.declaration import Resource

entries = Resource(
    AuditEntry,
    kernel=True,
    filters=(
        AuditEntry.action,
        AuditEntry.resource,
        AuditEntry.resource_id,
        AuditEntry.actor_id,
        AuditEntry.created_at,
    ),
    sort=(AuditEntry.created_at,),
    without=("create",),
)
