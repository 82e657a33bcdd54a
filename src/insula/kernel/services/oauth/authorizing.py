"""Authorizing: a person signs in, and lets a program act for them or not."""

from dataclasses import replace

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.words import Words
from insula.kernel.services.keys.scopes import included
from insula.kernel.services.oauth.asking import (
    Bounce,
    NobodyToTell,
    read_request,
)
from insula.kernel.services.oauth.codes import Codes
from insula.kernel.services.oauth.known import KnownClients, names_of
from insula.kernel.services.oauth.models import ClientKind
from insula.kernel.services.oauth.redirects import form_target
from insula.kernel.services.oauth.statements import GRANTED
from insula.kernel.services.oauth.visiting import Errand, issuer
from insula.kernel.services.pages.shell import Button
from insula.kernel.services.pages.signing_in import Entering, PageSignIn
from insula.kernel.services.pages.visiting import Reception, Visit, apart, go


class Authorizing:
    """The authorization endpoint of all tenants (RFC 6749, 3.1)."""

    def __init__(
        self,
        clients: KnownClients,
        codes: Codes,
        reception: Reception,
        sign_in: PageSignIn,
    ) -> None:
        self._clients, self._codes = clients, codes
        self._reception, self._sign_in = reception, sign_in

    async def show(self, ctx: Context, call: Call) -> Reply:
        """Ask a person whether a program may act for them."""
        errand = await self._enter(ctx, call)
        if isinstance(errand, Reply):
            return errand
        actor = errand.visit.actor
        if actor is None:
            return self._sign_in.ask(errand.visit, _entering(errand))
        if await self._known(errand, actor):
            return await self._allow(errand, actor)
        return await self._consent_page(errand, actor)

    async def act(self, ctx: Context, call: Call) -> Reply:
        """Take what a person answered: who they are, and whether it may."""
        errand = await self._enter(ctx, call)
        if isinstance(errand, Reply):
            return errand
        visit = errand.visit
        form = visit.sent()
        if form is None:
            return _stop(visit, FORGED, 403)
        if visit.actor is None:
            return await self._sign_in.take(visit, form, _entering(errand))
        match form.get("step"):
            case "allow":
                return await self._allow(errand, visit.actor)
            case "deny":
                return go(errand.answer(error="access_denied"))
            case _:
                return go(call.target)

    async def _enter(self, ctx: Context, call: Call) -> Errand | Reply:
        """What the visit is about; an answer if it ends here."""
        visit = await self._reception.receive(ctx, call)
        try:
            wanted = await read_request(ctx, self._clients, call.query, issuer(call))
        except NobodyToTell:
            return _stop(visit, NOBODY, 400)
        except Bounce as bounce:
            return go(bounce.address)
        return Errand(visit, wanted)

    async def _known(self, errand: Errand, actor: Actor) -> bool:
        """Whether they let this program do all that before.

        Any program of a device can say that it is a public one: people are asked.
        """
        client, scopes = errand.wanted.client, errand.wanted.scopes
        if client.kind is ClientKind.public:
            return False
        rows = await errand.visit.ctx.session.fetch(GRANTED, actor.id, client.id)
        return bool(rows) and included(scopes, names_of(rows[0]["scopes"]))

    async def _allow(self, errand: Errand, actor: Actor) -> Reply:
        code = await self._codes.issue(errand.visit.ctx, actor, errand.wanted)
        return go(errand.answer(code=code))

    async def _consent_page(self, errand: Errand, actor: Actor) -> Reply:
        visit, wanted = errand.visit, errand.wanted
        account = await self._sign_in.identity.users(visit.ctx).current(actor)
        allow = Button("allow", visit.say(Words("Allow")))
        deny = Button("deny", visit.say(Words("Deny")))
        whoever = f"{account.name} ({account.email})"
        page = replace(
            visit.blank,
            title=visit.say(
                Words("{client} wants to act for you", client=apart(wanted.client.name))
            ),
            body=visit.say(
                Words(
                    "You are {name}. The program could do this, as far as you may"
                    " yourself:",
                    name=apart(whoever),
                )
            ),
            scopes=_scopes(visit, wanted.scopes),
            notes=(
                visit.say(
                    Words(
                        "You then go on to {where}.", where=apart(wanted.redirect_uri)
                    )
                ),
                visit.say(Words("You can withdraw this at any time in your profile.")),
            ),
            form=visit.form((), (allow, deny)),
            leads_to=form_target(wanted.redirect_uri),
        )
        return visit.show(page)


NOBODY = Words(
    "The program that sent you here is not known, or wants you sent on to an address"
    " that is not its own."
)
FORGED = Words("This form is no longer good. Go back to the program and try again.")


def _stop(visit: Visit, why: Words, status: int) -> Reply:
    return visit.refuse(Words("This cannot go on"), visit.say(why), status)


def _entering(errand: Errand) -> Entering:
    said = Words("to go on to {client}", client=apart(errand.wanted.client.name))
    return Entering(errand.visit.call.target, errand.visit.say(said))


def _scopes(visit: Visit, scopes: frozenset[str]) -> list[str]:
    every = visit.say(Words("Everything that you may do"))
    return [every if it == "*" else it for it in sorted(scopes)]
