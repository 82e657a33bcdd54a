"""Arriving: the page to sign in at, and where links and providers send people back to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from pydantic import ValidationError

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.foundation.errors import NotFound, Problem
from insula.kernel.foundation.words import Words
from insula.kernel.identity.factors.problems import SecondFactorRequired
from insula.kernel.identity.one_time import TokenSpent
from insula.kernel.resource.api import row_id
from insula.kernel.services.pages.links import FORGOTTEN, SIGN_IN, carried, forged, two
from insula.kernel.services.pages.shell import HTML, Button, Field, Form, Way
from insula.kernel.services.pages.signing_in import (
    PROVE,
    Entering,
    PageSignIn,
    cookies_of,
)
from insula.kernel.services.pages.visiting import Reception, Visit, apart, go

START = "/profile/sessions"
"""Where somebody is taken who wanted nothing else."""
LINK, OTHER = f"{SIGN_IN}/link", "/login"
WITH = f"{SIGN_IN}/with"
LONGEST_ANSWER = 6000
MAGIC, LIST = "auth.magic_link.redeem", "auth.providers"
BEGIN = {"oidc": "auth.oidc_start", "saml": "auth.saml_start"}
FINISH = {"oidc": "auth.oidc_callback", "saml": "auth.saml_callback"}
"""Operations of the API, by the kind of the provider."""


class Known(msgspec.Struct, frozen=True):
    """A provider, as the API offers it."""

    id: UUID
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Arriving:
    """Lets people in at the page, whatever way they come."""

    reception: Reception
    sign_in: PageSignIn
    deeds: Mapping[str, Operation]

    async def show(self, ctx: Context, call: Call) -> Reply:
        """Ask who they are, or which provider knows."""
        visit = await self.reception.receive(ctx, call)
        if visit.actor is not None:
            return go(START)
        return self.sign_in.ask(visit, await self._entering(visit))

    async def act(self, ctx: Context, call: Call) -> Reply:
        """Let somebody in who filled it in, or comes back from a provider."""
        visit = await self.reception.receive(ctx, call)
        form = visit.sent()
        if form is None:
            return forged(visit)
        entering = await self._entering(visit)
        if "answer" not in form:
            return await self.sign_in.take(visit, form, entering)
        said = dict(parse_qsl(form["answer"]))
        way = FINISH["saml" if said.pop("sso", "") == "saml" else "oidc"]
        return await self._let_in(visit, way, said, entering)

    async def show_link(self, ctx: Context, call: Call) -> Reply:
        """Ask whether the link is to be used."""
        return _link_page(await self.reception.receive(ctx, call))

    async def use_link(self, ctx: Context, call: Call) -> Reply:
        """Let somebody in who came with a link."""
        visit = await self.reception.receive(ctx, call)
        form = visit.sent()
        if form is None:
            return forged(visit)
        entering = Entering(START)
        if form.get("step") == PROVE:
            return await self.sign_in.take(visit, form, entering)
        said = {"token": form.get("token", "")}
        return await self._let_in(visit, MAGIC, said, entering)

    async def begin(self, ctx: Context, call: Call) -> Reply:
        """Send somebody to their provider."""
        visit = await self.reception.receive(ctx, call)
        known = {it.id: it.kind for it in await self._providers(visit)}
        try:
            kind = known.get(row_id(call))
            if kind is None:
                raise NotFound
            reply = await self._ask(visit, BEGIN[kind], {"return_to": START})
        except Problem as problem:
            return _stopped(visit, problem)
        where = msgspec.json.decode(reply.data)["authorize_url"]
        return go(where, *cookies_of(reply))

    async def other(self, _: Context, __: Call) -> Reply:
        """The page to sign in at has another address."""
        return go(SIGN_IN)

    async def _entering(self, visit: Visit) -> Entering:
        """Where they go, and by which other ways they may come in."""
        forgotten = visit.say(Words("Password forgotten?"))
        ways = [Way(FORGOTTEN, forgotten)]
        for it in await self._providers(visit):
            said = Words("Sign in with {provider}", provider=apart(it.name))
            ways.append(Way(f"{WITH}/{it.id}", visit.say(said)))
        return Entering(START, ways=tuple(ways), back=self._back(visit))

    @staticmethod
    def _back(visit: Visit) -> Form:
        """What a provider's answer is sent on with, which came behind the #."""
        label = visit.say(Words("Answer of the provider"))
        answer = Field(
            "answer", label, "text", "off", from_link=True, longest=LONGEST_ANSWER
        )
        return visit.form((answer,), (Button("back", visit.say(Words("Go on"))),))

    async def _providers(self, visit: Visit) -> list[Known]:
        reply = await self.deeds[LIST].run(visit.ctx, visit.call)
        return msgspec.json.decode(reply.data, type=list[Known])

    async def _ask(self, visit: Visit, name: str, said: Mapping[str, object]) -> Reply:
        """What the API answers; a body that nobody would send is a bad request."""
        deed = self.deeds[name]
        assert deed.body is not None
        try:
            body = deed.body.model_validate(said)
        except ValidationError:
            raise TokenSpent from None
        return await deed.run(visit.ctx, replace(visit.call, body=body))

    async def _let_in(
        self, visit: Visit, name: str, said: Mapping[str, object], entering: Entering
    ) -> Reply:
        """Take them to where they wanted, or ask for their second factor."""
        try:
            reply = await self._ask(visit, name, {**said, "cookie": True})
        except SecondFactorRequired as problem:
            challenge = str(problem.details["challenge"])
            return self.sign_in.ask_code(visit, entering, challenge)
        except Problem as problem:
            return _stopped(visit, problem)
        where = (reply.meta or {}).get("return_to", entering.where)
        return go(str(where), *cookies_of(reply))

    def operations(self) -> tuple[Operation, ...]:
        """All that is done at these pages."""
        begin = Operation(
            name="pages.sign_in.with", method="GET", path=f"{WITH}/{{id}}",
            run=self.begin, summary="Go to a provider to sign in there",
            audience=Audience.visitor, limit="auth", content_type=HTML,
        )  # fmt: skip
        other = Operation(
            name="pages.login", method="GET", path=OTHER, run=self.other,
            summary="Go to the page to sign in at", audience=Audience.visitor,
            limit="auth", writes=False, content_type=HTML,
        )  # fmt: skip
        return (
            *two("pages.sign_in", SIGN_IN, self.show, self.act, "Sign in"),
            *two(
                "pages.sign_in.link",
                LINK,
                self.show_link,
                self.use_link,
                "Sign in with a link",
            ),
            begin,
            other,
        )


def _link_page(visit: Visit) -> Reply:
    button = Button("go", visit.say(Words("Sign in")))
    page = replace(
        visit.blank,
        title=visit.say(Words("Sign in")),
        subtitle=visit.say(Words("The link of the mail is good once.")),
        form=visit.form((carried(visit),), (button,)),
    )
    return visit.show(page)


def _stopped(visit: Visit, problem: Problem) -> Reply:
    """They are not let in; what helps is to begin anew."""
    page = replace(
        visit.blank,
        title=visit.say(Words("This cannot go on")),
        fault=visit.explain(problem),
        ways=(Way(SIGN_IN, visit.say(Words("Sign in"))),),
    )
    return visit.show(page, problem.status)
