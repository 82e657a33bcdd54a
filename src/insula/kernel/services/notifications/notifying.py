"""Notifying: what services and apps call, in the transaction of what there is to tell."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.database.pool import Record
from insula.kernel.events.stored import StoredEvent
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.notification import (
    LAST_LANGUAGE,
    Digest,
    NotificationKind,
    Text,
    Wish,
    spoken,
)
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.mail.outgoing import send_mail
from insula.kernel.services.notifications.kinds import wish_for
from insula.kernel.services.notifications.statements import ADD, BY_ID, BY_ROLE, WISHES

NOTICE = "mail.notice"
LONGEST_TITLE, LONGEST_BODY, LONGEST_LINK = 255, 10_000, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is told.

    ``link`` is a path of the console, such as ``/maintenance/assets/…``. With a
    ``cause`` nobody is told the same twice, however often it is asked for.
    """

    title: Text
    body: Text = ""
    link: str | None = None
    cause: str | None = None
    event_id: UUID | None = None

    def __post_init__(self) -> None:
        """Refuse a link that leads to another site: a fault of the program."""
        link = self.link
        if link is not None and (link[:1] != "/" or link[:2] in ("//", "/\\")):
            raise ValueError("a notification's link is a path of the console")


async def notify(
    work: WorkContext,
    users: Collection[UUID],
    kind: NotificationKind,
    message: Message,
) -> int:
    """Tell these users, each as they wish; answers how many are told anything.

    Whoever is disabled, deleted or of another tenant is passed over.
    """
    people = await work.transaction.fetch(BY_ID, sorted(set(users)))
    return await _tell(work, people, kind, message)


async def notify_roles(
    work: WorkContext,
    roles: Collection[str],
    kind: NotificationKind,
    message: Message,
) -> int:
    """Tell everybody who has one of these roles."""
    people = await work.transaction.fetch(BY_ROLE, sorted(set(roles)))
    return await _tell(work, people, kind, message)


def telling(
    kind: NotificationKind,
    *,
    roles: Collection[str],
    title: Text,
    body: Text = "",
    link: Callable[[StoredEvent], str] | None = None,
) -> Callable[[WorkContext, StoredEvent], Awaitable[None]]:
    """What a reaction runs to notify roles of an event: ``{field}`` is of its data.

    An event is told once, however often the reaction runs.
    """

    async def run(work: WorkContext, event: StoredEvent) -> None:
        message = Message(
            title=_filled(title, event.data),
            body=_filled(body, event.data),
            link=None if link is None else link(event),
            cause=str(event.id),
            event_id=event.id,
        )
        await notify_roles(work, roles, kind, message)

    return run


def _filled(text: Text, data: Mapping[str, object]) -> Text:
    """The text with the event's values in place; a value that is missing is left out."""
    values = defaultdict(str, {name: str(value) for name, value in data.items()})
    if isinstance(text, str):
        return text.format_map(values)
    return {language: it.format_map(values) for language, it in text.items()}


async def _tell(
    work: WorkContext,
    people: Sequence[Record],
    kind: NotificationKind,
    message: Message,
) -> int:
    wishes = await _wishes(work, [it["id"] for it in people])
    told = [(it, wish_for(kind, wishes[it["id"]]), uuid7()) for it in people]
    told = [it for it in told if it[1].in_app or it[1].mail]
    if not told:
        return 0
    languages = [it["locale"] or LAST_LANGUAGE for it, _, _ in told]
    rows = await work.transaction.fetch(
        ADD,
        now(),
        kind.name,
        message.link,
        message.cause,
        message.event_id,
        [row_id for _, _, row_id in told],
        [person["id"] for person, _, _ in told],
        [spoken(message.title, it)[:LONGEST_TITLE] for it in languages],
        [spoken(message.body, it)[:LONGEST_BODY] for it in languages],
        [wish.in_app for _, wish, _ in told],
        [wish.mail and wish.digest is Digest.daily for _, wish, _ in told],
    )
    made = {row["id"] for row in rows}
    for person, wish, row_id in told:
        if row_id in made and wish.mail and wish.digest is Digest.none:
            await _mail(work, person, message)
    return len(made)


async def _wishes(
    work: WorkContext, users: Sequence[UUID]
) -> Mapping[UUID, Mapping[str, Wish]]:
    found: dict[UUID, dict[str, Wish]] = defaultdict(dict)
    for row in await work.transaction.fetch(WISHES, users):
        wish = Wish(row["in_app"], row["mail"], Digest(row["digest"]))
        found[row["user_id"]][row["pattern"]] = wish
    return found


async def _mail(work: WorkContext, person: Record, message: Message) -> None:
    language = person["locale"] or LAST_LANGUAGE
    await send_mail(
        work,
        to=person["email"],
        template=NOTICE,
        language=language,
        heading=spoken(message.title, language)[:LONGEST_TITLE],
        body=spoken(message.body, language)[:LONGEST_BODY],
        link=absolute(work, message.link),
    )


def absolute(work: WorkContext, link: str | None) -> str | None:
    """A path of the console as a mail needs it."""
    return None if link is None else f"https://{work.tenant.domain}{link}"
