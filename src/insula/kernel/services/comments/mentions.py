"""Mentions: whom a comment calls, ``@[Ada](user:<id>)``, and that they may read the row.

The id is what counts: names change and are shared. Somebody who could not read the row
cannot be called to it, so that a comment that mentions them is refused: its author
would believe that they know.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.database.session import Statement
from insula.kernel.foundation.errors import FieldError, Invalid, NotFound
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.notification import NotificationKind
from insula.kernel.resource.reaching import Reaching
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.comments.models import Comment
from insula.kernel.services.notifications.notifying import Message, notify
from insula.kernel.services.webhooks.statements import KEEPERS

MENTION = re.compile(r"@\[([^\]\n]{1,255})\]\(user:([0-9a-fA-F-]{36})\)")
MOST_MENTIONS = 20
EXCERPT = 300

MENTIONED = NotificationKind(
    "comments.mentioned",
    {
        "en": "Somebody mentions you",
        "de": "Jemand erwähnt Sie",
        "ar": "أشار إليك شخص ما",
    },
)
ANSWERED = NotificationKind(
    "comments.answered",
    {
        "en": "Somebody answers your comment",
        "de": "Jemand antwortet auf Ihren Kommentar",
        "ar": "ردّ شخص ما على تعليقك",
    },
)
NAME = Statement(
    """SELECT name FROM home__.users
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid"""
)


def mentioned(text: str) -> list[UUID]:
    """Whom a text mentions; raises ``Invalid`` for more than anybody calls together."""
    found = (parse_uuid(key) for _, key in MENTION.findall(text))
    people = list(dict.fromkeys(it for it in found if it is not None))
    if len(people) > MOST_MENTIONS:
        words = Words("At most {limit} people are mentioned.", limit=MOST_MENTIONS)
        raise Invalid(FieldError("text", "too_many", words))
    return people


def plain(text: str) -> str:
    """The beginning of a text, with names where people are mentioned."""
    return MENTION.sub(r"@\1", text)[:EXCERPT]


class Calling:
    """Tells people of comments on the rows of one resource."""

    def __init__(
        self, engine: Callable[[], Engine], api: ResourceApi, reaching: Reaching
    ) -> None:
        self._engine, self._api, self._reaching = engine, api, reaching

    async def check(self, work: WorkContext, people: Iterable[UUID], row: UUID) -> None:
        """Refuse whoever is not there or may not read the row; raises ``Invalid``."""
        wanted = set(people)
        able = await self._able(work, wanted, row)
        if wanted - able:
            words = Words("Whoever is mentioned must be a user who may read this.")
            raise Invalid(FieldError("text", "cannot_be_mentioned", words))

    async def _able(
        self, work: WorkContext, people: Iterable[UUID], row: UUID
    ) -> set[UUID]:
        """Who of them may read the row."""
        ids = sorted(people)
        rows = await work.transaction.fetch(KEEPERS, ids) if ids else ()
        found = set[UUID]()
        for it in rows:
            rights = self._engine().roles.read(it)
            actor = Actor(
                ActorKind.user, it["id"], grants=rights.grants, teams=rights.teams
            )
            if await self._reads(work, actor, row):
                found.add(actor.id or row)
        return found

    async def _reads(self, work: WorkContext, actor: Actor, row: UUID) -> bool:
        permission = f"{self._api.resource.name}.read"
        if actor.may(permission):
            return True
        if actor.reach(permission) is None or not self._scoped:
            return False
        try:
            await self._reaching.title(work.transaction, actor, row)
        except NotFound:
            return False
        return True

    @property
    def _scoped(self) -> bool:
        resource = self._api.resource
        return resource.owner is not None or resource.team is not None

    async def tell(
        self, work: WorkContext, comment: Comment, people: Iterable[UUID], title: str
    ) -> None:
        """Notify those who are mentioned, but for the author; each once a comment."""
        whom = set(people) - {work.actor.id}
        if whom:
            await self._notify(work, comment, whom, MENTIONED, title)

    async def answer(
        self, work: WorkContext, comment: Comment, parent: Comment, title: str
    ) -> None:
        """Notify whose comment is answered, if they still may read the row."""
        author = parent.created_by
        if author is None or author == work.actor.id:
            return
        if author not in mentioned(comment.text) and await self._able(
            work, [author], comment.row_id
        ):
            await self._notify(work, comment, {author}, ANSWERED, title)

    async def _notify(
        self,
        work: WorkContext,
        comment: Comment,
        whom: set[UUID],
        kind: NotificationKind,
        title: str,
    ) -> None:
        rows = await work.transaction.fetch(NAME, work.actor.id)
        who = rows[0]["name"] if rows else work.actor.kind.value
        path = self._api.resource.address.removeprefix("/api/v1")
        message = Message(
            title=_headings(kind, who=who, title=title),
            body=plain(comment.text),
            link=f"{path}/{comment.row_id}",
            cause=f"comment:{comment.id}",
        )
        await notify(work, whom, kind, message)


HEADINGS: Mapping[str, Mapping[str, str]] = {
    MENTIONED.name: {
        "en": "{who} mentions you: {title}",
        "de": "{who} erwähnt Sie: {title}",
        "ar": "أشار إليك {who}: {title}",
    },
    ANSWERED.name: {
        "en": "{who} answers you: {title}",
        "de": "{who} antwortet Ihnen: {title}",
        "ar": "ردّ عليك {who}: {title}",
    },
}


def _headings(kind: NotificationKind, **said: str) -> dict[str, str]:
    return {
        language: heading.format(**said)
        for language, heading in HEADINGS[kind.name].items()
    }
