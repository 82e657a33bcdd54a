"""Asking for a mail: what services and apps call, in the transaction of its cause."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from insula.kernel.database.session import Statement
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.jobs.models import Queue
from insula.kernel.mail.address import checked
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.mail.models import Mail

USER = Statement(
    "SELECT email, COALESCE(locale, settings->>'locale') AS locale FROM home__.users"
    " WHERE tenant_id = $1::text::uuid AND id = $2::uuid AND deleted_at IS NULL"
)
SEND = "mail.send"
PLACE = "jobs.mail"
"""Where sealed values are kept, as the seal knows it."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value that only the mail may say, such as a link that signs somebody in."""

    text: str


def sealed(sealer: Sealer, tenant_id: UUID, secret: str) -> Sealed:
    """The secret as ``send_mail`` takes it: unreadable until the mail is sent."""
    return Sealed(sealer.seal(tenant_id, PLACE, secret.encode()))


class SendMail(Command):
    """Render a mail and hand it over; ``values`` is what its template is given."""

    mail_id: UUID
    values: dict[str, Any]
    secrets: dict[str, str]
    """Values that are sealed until then."""


class Asked(NamedTuple):
    """A task as its askers know it: what does it is made with the platform."""

    name: str
    command: type[Command]
    queue: Queue


SENDING = Asked(SEND, SendMail, Queue.email)


async def send_mail(
    work: WorkContext,
    *,
    to: UUID | str,
    template: str,
    language: str | None = None,
    **values: object,
) -> UUID:
    """Have a mail sent when the transaction commits; answers its id in the log.

    It goes to a user, by their id, or to an address. The language is the one given,
    else the user's, else the tenant's. ``values`` are what JSON can hold, and
    ``Sealed``. A value ``unsubscribe`` is a link that a mail program can offer by
    itself. Raises ``NotFound`` for an unknown user, and ``BadAddress``.
    """
    email, user_id, own = await _recipient(work, to)
    mail = Mail(
        recipient=checked(email),
        user_id=user_id,
        template=template,
        language=language or own,
    )
    await work.add(mail)
    command = _command(mail.id, values)
    work.enqueue(SENDING, command, unique=f"mail:{mail.id}", system=True)
    return mail.id


async def _recipient(
    work: WorkContext, to: UUID | str
) -> tuple[str, UUID | None, str | None]:
    if isinstance(to, str):
        return to, None, None
    rows = await work.transaction.fetch(USER, to)
    if not rows:
        raise NotFound
    own = rows[0]["locale"]
    return rows[0]["email"], to, own[:35] if own else None


def _command(mail_id: UUID, values: Mapping[str, object]) -> SendMail:
    return SendMail(
        mail_id=mail_id,
        values={k: v for k, v in values.items() if not isinstance(v, Sealed)},
        secrets={k: v.text for k, v in values.items() if isinstance(v, Sealed)},
    )
