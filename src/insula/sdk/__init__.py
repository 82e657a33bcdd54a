"""All that an app may import: the declaration's words, the context, the errors."""

from insula.kernel.access.features import requires_feature
from insula.kernel.database.columns import (
    BigInt,
    Code,
    ContactRef,
    Currency,
    Email,
    Holds,
    Json,
    Link,
    LongText,
    Mapped,
    OnDelete,
    ShortText,
    TextList,
    column,
    maker,
    ref,
    state,
)
from insula.kernel.database.kinds import computed, money, numbered, ranked
from insula.kernel.database.model import TenantModel, TenantRow
from insula.kernel.database.personal import PERSON, About, Erasure, Subject
from insula.kernel.database.sequences import Sequence
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
from insula.kernel.foundation.money import Money, Rounding, WrongMoney
from insula.kernel.foundation.taxes import (
    Prices,
    Taxed,
    TaxRounding,
    TaxSheet,
    tax_lines,
)
from insula.kernel.foundation.words import Words
from insula.kernel.jobs.dispatching import Rate
from insula.kernel.jobs.models import Queue
from insula.kernel.resource.app import App, Schedule, View
from insula.kernel.resource.declaration import Command, Event, Resource
from insula.kernel.resource.measures import (
    Average,
    Count,
    Day,
    Max,
    Min,
    Month,
    Quarter,
    Sum,
    Week,
    Year,
)
from insula.kernel.resource.notification import Digest, NotificationKind, Wish
from insula.kernel.resource.placing import place
from insula.kernel.resource.rules import Check, Exclude, NoOverlap, Unique
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
    "Average",
    "BigInt",
    "Check",
    "Chunked",
    "Code",
    "Command",
    "Conflict",
    "ContactRef",
    "Context",
    "Count",
    "Currency",
    "Day",
    "Denied",
    "Digest",
    "Email",
    "Erasure",
    "Errand",
    "Event",
    "Exclude",
    "FieldError",
    "Holds",
    "Invalid",
    "Json",
    "Limited",
    "Link",
    "LongText",
    "Mapped",
    "Max",
    "Message",
    "Min",
    "Money",
    "Month",
    "NoOverlap",
    "NotFound",
    "NotificationKind",
    "OnDelete",
    "Prices",
    "Progress",
    "Quarter",
    "Queue",
    "Rate",
    "Reaction",
    "Resource",
    "Rounding",
    "Schedule",
    "Sequence",
    "ShortText",
    "StoredEvent",
    "Subject",
    "Sum",
    "Task",
    "TaxRounding",
    "TaxSheet",
    "Taxed",
    "TenantModel",
    "TenantRow",
    "TextList",
    "Unavailable",
    "Unique",
    "View",
    "Week",
    "Wish",
    "Words",
    "WrongMoney",
    "Year",
    "column",
    "computed",
    "maker",
    "money",
    "notify",
    "notify_roles",
    "now",
    "numbered",
    "place",
    "ranked",
    "ref",
    "requires_feature",
    "send_mail",
    "state",
    "tax_lines",
    "telling",
]
