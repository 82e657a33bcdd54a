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
from insula.kernel.database.custom import CustomFields
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
    refers_to_nothing,
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
from insula.kernel.resource.commands import AppCommand, NotInstalled
from insula.kernel.resource.declaration import Command, Event, Resource
from insula.kernel.resource.filtering import (
    check_filter,
    count_filtered,
    filtered,
)
from insula.kernel.resource.following import Saved
from insula.kernel.resource.measures import (
    Average,
    Count,
    Day,
    Distinct,
    Elapsed,
    Max,
    Min,
    Month,
    Quarter,
    Ratio,
    Sum,
    Week,
    Weighted,
    Year,
)
from insula.kernel.resource.measuring import Unit
from insula.kernel.resource.merging.declaring import Merge
from insula.kernel.resource.notification import Digest, NotificationKind, Wish
from insula.kernel.resource.placing import place
from insula.kernel.resource.querying.problems import BadQuery
from insula.kernel.resource.quiet import alter_rows, put_rows, remove_rows
from insula.kernel.resource.reports.declaration import (
    Axis,
    Chart,
    Figure,
    Figures,
    Report,
    Scale,
    Span,
)
from insula.kernel.resource.reports.rows import rows_of
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
from insula.kernel.services.contacts.portal import (
    invite_to_portal,
    leave_portal,
    shut_portal,
)
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
    "AppCommand",
    "Average",
    "Axis",
    "BadQuery",
    "BigInt",
    "Chart",
    "Check",
    "Chunked",
    "Code",
    "Command",
    "Conflict",
    "ContactRef",
    "Context",
    "Count",
    "Currency",
    "CustomFields",
    "Day",
    "Denied",
    "Digest",
    "Distinct",
    "Elapsed",
    "Email",
    "Erasure",
    "Errand",
    "Event",
    "Exclude",
    "FieldError",
    "Figure",
    "Figures",
    "Holds",
    "Invalid",
    "Json",
    "Limited",
    "Link",
    "LongText",
    "Mapped",
    "Max",
    "Merge",
    "Message",
    "Min",
    "Money",
    "Month",
    "NoOverlap",
    "NotFound",
    "NotInstalled",
    "NotificationKind",
    "OnDelete",
    "Prices",
    "Progress",
    "Quarter",
    "Queue",
    "Rate",
    "Ratio",
    "Reaction",
    "Report",
    "Resource",
    "Rounding",
    "Saved",
    "Scale",
    "Schedule",
    "Sequence",
    "ShortText",
    "Span",
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
    "Unit",
    "View",
    "Week",
    "Weighted",
    "Wish",
    "Words",
    "WrongMoney",
    "Year",
    "alter_rows",
    "check_filter",
    "column",
    "computed",
    "count_filtered",
    "filtered",
    "invite_to_portal",
    "leave_portal",
    "maker",
    "money",
    "notify",
    "notify_roles",
    "now",
    "numbered",
    "place",
    "put_rows",
    "ranked",
    "ref",
    "refers_to_nothing",
    "remove_rows",
    "requires_feature",
    "rows_of",
    "send_mail",
    "shut_portal",
    "state",
    "tax_lines",
    "telling",
]
