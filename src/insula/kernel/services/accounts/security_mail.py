"""Security mails: people are told when the way into their account changes."""

from datetime import datetime
from uuid import UUID

from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.mail.outgoing import send_mail

CHANGE = "mail.security_change"


async def notify_security_change(
    work: WorkContext, user: UUID | str, what: str
) -> None:
    """Tell somebody, when the transaction commits, what was changed about their sign-in.

    ``user`` is an id, or an address that is no longer the user's. The mail has words for
    ``second_factor_added``, ``second_factor_removed``, ``passkey_added``,
    ``passkey_removed``, ``backup_codes_made``, ``backup_code_used`` and
    ``address_changed``; of anything else it says that something was changed.
    """
    at = spoken_time(work.now)
    await send_mail(work, to=user, template=CHANGE, what=what, at=at)


def spoken_time(moment: datetime) -> str:
    """A moment as mails say it, the same in every language."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
