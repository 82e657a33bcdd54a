"""Telling: whoever imported hears when it is done."""

from insula.kernel.resource.notification import NotificationKind
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.importing.models import ImportRun
from insula.kernel.services.notifications.notifying import Message, notify

DONE = NotificationKind(
    "imports.done",
    {
        "en": "An import is done",
        "de": "Ein Import ist fertig",
        "ar": "اكتمل الاستيراد",
    },
)


async def tell_done(work: WorkContext, run: ImportRun) -> None:
    """Tell the owner, when this commits."""
    if run.owner_id is None:
        return
    message = Message(title=DONE.titles, body=run.name, link=f"/imports/{run.id}")
    await notify(work, [run.owner_id], DONE, message)
