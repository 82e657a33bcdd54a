"""Where one is signed in: the page on which a sign-in is ended that was not one's own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import msgspec
from babel.dates import format_datetime

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.words import Words
from insula.kernel.identity.cookies import SESSION
from insula.kernel.services.pages.arriving import START
from insula.kernel.services.pages.links import SIGN_IN, forged, two
from insula.kernel.services.pages.shell import Button, Entry
from insula.kernel.services.pages.signing_in import Entering, PageSignIn
from insula.kernel.services.pages.visiting import Reception, Visit, go

LIST, END, OTHERS = "sessions.list", "sessions.end", "sessions.end_others"
LEAVE = "auth.logout"


class Session(msgspec.Struct, frozen=True):
    """One sign-in, as the API tells of it."""

    id: UUID
    current: bool
    client: str | None
    user_agent: str | None
    seen_at: datetime


class Sessions(msgspec.Struct, frozen=True):
    """All of somebody's."""

    sessions: list[Session]


@dataclass(frozen=True, slots=True)
class OwnSessionsPage:
    """Shows people their sign-ins, and ends those they choose."""

    reception: Reception
    sign_in: PageSignIn
    deeds: Mapping[str, Operation]

    async def show(self, ctx: Context, call: Call) -> Reply:
        """Their sign-ins; who is nobody yet is asked first."""
        visit = await self.reception.receive(ctx, call)
        if visit.actor is None:
            return self.sign_in.ask(visit, Entering(START))
        return await self._list(visit)

    async def act(self, ctx: Context, call: Call) -> Reply:
        """End what was chosen."""
        visit = await self.reception.receive(ctx, call)
        form = visit.sent()
        if form is None:
            return forged(visit)
        if visit.actor is None:
            return await self.sign_in.take(visit, form, Entering(START))
        step, _, key = form.get("step", "").partition(":")
        if step == "leave":
            await self._do(visit, LEAVE)
            return go(SIGN_IN, SESSION.give("", 0, secure=call.secure))
        if step == "others":
            await self._do(visit, OTHERS)
        elif step == "end":
            await self._end(visit, key)
        return go(START)

    async def _end(self, visit: Visit, key: str) -> None:
        """One that has ended meanwhile is none of our concern."""
        try:
            await self._do(visit, END, key)
        except NotFound:
            return

    async def _do(self, visit: Visit, name: str, key: str = "") -> Reply:
        """What the API does for who is signed in."""
        assert visit.actor is not None
        ctx = visit.ctx.of(visit.actor)
        return await self.deeds[name].run(ctx, replace(visit.call, key=key))

    async def _list(self, visit: Visit) -> Reply:
        reply = await self._do(visit, LIST)
        found = msgspec.json.decode(reply.data, type=Sessions).sessions
        buttons = [Button("leave", visit.say(Words("Sign out here")))]
        if len(found) > 1:
            said = Words("End all others")
            buttons.insert(0, Button("others", visit.say(said)))
        lead = Words("End what was not you, then choose another password.")
        page = replace(
            visit.blank,
            title=visit.say(Words("Where you are signed in")),
            subtitle=visit.say(lead),
            form=visit.form((), buttons, entries=[_entry(visit, it) for it in found]),
        )
        return visit.show(page)

    def operations(self) -> tuple[Operation, ...]:
        """The page, and what is sent back from it."""
        summary = "Where I am signed in"
        return two("pages.sessions", START, self.show, self.act, summary)


def _entry(visit: Visit, session: Session) -> Entry:
    seen = format_datetime(session.seen_at, "medium", locale=visit.language)
    detail = " · ".join(it for it in (session.client, f"{seen} UTC") if it)
    agent = session.user_agent or visit.say(Words("An unknown program"))
    if session.current:
        return Entry(visit.say(Words("This browser")), f"{agent[:60]} · {detail}", None)
    end = Button(f"end:{session.id}", visit.say(Words("End")))
    return Entry(agent[:80], detail, end)
