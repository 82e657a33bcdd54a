"""Digests: once a day, one mail with all that somebody wants gathered."""

from uuid import UUID

from insula.kernel.resource.notification import LAST_LANGUAGE, spoken
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.mail.outgoing import send_mail
from insula.kernel.services.notifications.notifying import NOTICE, absolute
from insula.kernel.services.notifications.statements import BY_ID, DUE_USERS, TAKE_DUE

PIECE = 200
MOST_LINES = 50
HEADINGS = {
    "en": "{count} notifications",
    "de": "{count} Benachrichtigungen",
    "ar": "الإشعارات: {count}",
}
INBOX = "/notifications"


async def send_digests(work: WorkContext) -> None:
    """Send everybody's digest; what was sent is no longer due when this commits."""
    while users := await work.transaction.fetch(DUE_USERS, PIECE):
        for row in users:
            await _send(work, row["user_id"])


async def _send(work: WorkContext, user_id: UUID) -> None:
    titles = [row["title"] for row in await work.transaction.fetch(TAKE_DUE, user_id)]
    for person in await work.transaction.fetch(BY_ID, [user_id]):
        language = person["locale"] or LAST_LANGUAGE
        lines = [f"• {title}" for title in titles[:MOST_LINES]]
        if len(titles) > MOST_LINES:
            lines.append("…")
        await send_mail(
            work,
            to=person["email"],
            template=NOTICE,
            language=language,
            heading=spoken(HEADINGS, language).format(count=len(titles)),
            body="\n".join(lines),
            link=absolute(work, INBOX),
        )
