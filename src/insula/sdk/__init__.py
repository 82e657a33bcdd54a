"""All that an app may import: the declaration's words, the context, the errors."""

from insula.kernel.database.columns import (
    BigInt,
    Code,
    Email,
    Json,
    LongText,
    Mapped,
    ShortText,
    TextList,
    column,
    ref,
    state,
)
from insula.kernel.database.model import TenantModel, TenantRow
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import (
    Conflict,
    Denied,
    FieldError,
    Invalid,
    Limited,
    NotFound,
    Unavailable,
)
from insula.kernel.resource.app import App, Schedule, View
from insula.kernel.resource.declaration import (
    Check,
    Command,
    Event,
    NoOverlap,
    Resource,
    Unique,
)
from insula.kernel.resource.unit import Activity
from insula.kernel.resource.unit import WorkContext as Context

__all__ = [
    "Activity",
    "App",
    "BigInt",
    "Check",
    "Code",
    "Command",
    "Conflict",
    "Context",
    "Denied",
    "Email",
    "Event",
    "FieldError",
    "Invalid",
    "Json",
    "Limited",
    "LongText",
    "Mapped",
    "NoOverlap",
    "NotFound",
    "Resource",
    "Schedule",
    "ShortText",
    "TenantModel",
    "TenantRow",
    "TextList",
    "Unavailable",
    "Unique",
    "View",
    "column",
    "now",
    "ref",
    "state",
]
