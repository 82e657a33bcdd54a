"""All that an app may import: the declaration's words, the context, the errors."""

from insula.kernel.access.features import requires_feature
from insula.kernel.database.columns import (
    BigInt,
    Code,
    Email,
    Holds,
    Json,
    LongText,
    Mapped,
    ShortText,
    TextList,
    column,
    maker,
    ref,
    state,
)
from insula.kernel.database.model import TenantModel, TenantRow
from insula.kernel.database.personal import PERSON, About, Erasure, Subject
from insula.kernel.events.stored import StoredEvent
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
from insula.kernel.foundation.words import Words
from insula.kernel.jobs.dispatching import Rate
from insula.kernel.jobs.models import Queue
from insula.kernel.resource.app import App, Schedule, View
from insula.kernel.resource.declaration import Command, Event, Resource
from insula.kernel.resource.notification import Digest, NotificationKind, Wish
from insula.kernel.resource.rules import Check, NoOverlap, Unique
from insula.kernel.resource.tasks import (
    Again,
    Chunked,
    Errand,
    Progress,
    Reaction,
    Task,
)
from insula.kernel.resource.unit import Activity
from insula.kernel.resource.unit import WorkContext as Context
from insula.kernel.services.mail.outgoing import send_mail
from insula.kernel.services.notifications.notifying import (
    Message,
    notify,
    notify_roles,
    telling,
)

__all__ = [
    "PERSON",
    "About",
    "Activity",
    "Again",
    "App",
    "BigInt",
    "Check",
    "Chunked",
    "Code",
    "Command",
    "Conflict",
    "Context",
    "Denied",
    "Digest",
    "Email",
    "Erasure",
    "Errand",
    "Event",
    "FieldError",
    "Holds",
    "Invalid",
    "Json",
    "Limited",
    "LongText",
    "Mapped",
    "Message",
    "NoOverlap",
    "NotFound",
    "NotificationKind",
    "Progress",
    "Queue",
    "Rate",
    "Reaction",
    "Resource",
    "Schedule",
    "ShortText",
    "StoredEvent",
    "Subject",
    "Task",
    "TenantModel",
    "TenantRow",
    "TextList",
    "Unavailable",
    "Unique",
    "View",
    "Wish",
    "Words",
    "column",
    "maker",
    "notify",
    "notify_roles",
    "now",
    "ref",
    "requires_feature",
    "send_mail",
    "state",
    "telling",
]
