"""Signing in with SAML: out to a provider, and back by the same browser, once.

A provider sends its answer from a page of its own, and no cookie of ours comes with that.
So the answer is judged when it arrives, and the verdict is kept for whoever comes next
with the cookie, or the verifier, of the sign-in that it answers.
"""

import asyncio
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.identity.one_time import OneTime, OneTimeTokens, TokenSpent
from insula.kernel.resource.api import row_id
from insula.kernel.services.federation.commands import SamlCallback, Start, Started
from insula.kernel.services.federation.flow import (
    LIFETIME,
    Known,
    Person,
    digest,
    refuse,
)
from insula.kernel.services.federation.models import ProviderKind
from insula.kernel.services.federation.problems import (
    SignInDeclined,
    SignInRefused,
    Untrusted,
)
from insula.kernel.services.federation.providers import Provider, find
from insula.kernel.services.federation.saml.answers import (
    Answer,
    Declined,
    believe,
    read,
)
from insula.kernel.services.federation.saml.parties import Ourselves, ask
from insula.kernel.services.federation.saml.toolkit import toolkit
from insula.kernel.services.federation.signing_in import (
    BEGUN,
    PAGE,
    ProviderSignIn,
    base_url,
    startable,
)
from insula.kernel.services.pages.forms import BadForm, read_form

ASKED, JUDGED = "saml", "saml_judged"
"""Purposes of one-time tokens: a request of ours, and what came of it."""
AT_ONCE = timedelta(minutes=5)
XML = "application/samlmetadata+xml"
MARK = "_"
"""Before a token, which may begin with a digit: the id of a request may not."""


@dataclass(frozen=True, slots=True)
class SamlSignIn:
    """Signing in with SAML, beside ``others``, which end a sign-in alike."""

    one_time: Callable[[], OneTimeTokens]
    others: ProviderSignIn

    async def metadata(self, ctx: Context, call: Call) -> Reply:
        """Tell who we are, for whoever sets up the provider."""
        text = Ourselves(base_url(ctx, call)).metadata()
        return Reply(text.encode(), content_type=XML)

    async def start(self, ctx: Context, call: Call) -> Reply:
        """Begin to sign in with a SAML provider."""
        return await self._begin(ctx, call, None)

    async def link(self, ctx: Context, call: Call) -> Reply:
        """Begin to link one's account to one's identity at a SAML provider."""
        return await self._begin(ctx, call, ctx.actor.id)

    async def _begin(self, ctx: Context, call: Call, linking: UUID | None) -> Reply:
        toolkit()
        body: Start = call.body
        provider = await startable(ctx, row_id(call), ProviderKind.saml)
        verifier, ours = token_urlsafe(32), Ourselves(base_url(ctx, call))
        kept = {
            "provider": str(provider.id),
            "challenge": body.challenge or digest(verifier),
            "base": ours.base,
            "return_to": body.return_to,
        }
        async with ctx.session.transaction() as transaction:
            state = await self.one_time().issue(
                transaction, ASKED, linking, LIFETIME, kept
            )
        lasts = int(LIFETIME.total_seconds())
        url = ask(ours, provider, f"{MARK}{state}")
        answer = Started(authorize_url=url, state=state, expires_in=lasts)
        cookie = BEGUN.give(verifier, lasts, secure=call.secure)
        headers = () if body.challenge else (cookie,)
        return Reply(answer.model_dump_json().encode(), headers=headers)

    async def land(self, ctx: Context, call: Call) -> Reply:
        """Take a provider's answer, and the browser to the page that ends the sign-in."""
        state = await self._judged(ctx, call)
        said = urlencode({"sso": "saml", "state": state})
        headers = (
            (b"location", f"{PAGE}#{said}".encode()),
            (b"referrer-policy", b"no-referrer"),
        )
        return Reply(b"", status=303, content_type="text/plain", headers=headers)

    async def _judged(self, ctx: Context, call: Call) -> str:
        """What the verdict is kept under; an answer to nothing gets none."""
        try:
            answer = await asyncio.to_thread(read, _sent(call))
            asked = await self._redeemed(ctx, ASKED, answer.request.removeprefix(MARK))
        except (Untrusted, TokenSpent):
            return "none"
        verdict = await self._judge(ctx, answer, asked)
        kept = {**asked.data, **verdict}
        async with ctx.session.transaction() as transaction:
            return await self.one_time().issue(
                transaction, JUDGED, asked.subject_id, AT_ONCE, kept
            )

    async def _judge(
        self, ctx: Context, answer: Answer, asked: OneTime
    ) -> Mapping[str, Any]:
        ours = Ourselves(asked.data["base"])
        try:
            provider = await _provider(ctx, asked)
        except NotFound:
            return {"refused": True}
        try:
            person = await asyncio.to_thread(believe, answer, ours, provider)
        except Declined as status:
            return {"declined": str(status)}
        except Untrusted as reason:
            await refuse(ctx, provider, str(reason))
            return {"refused": True}
        return {"person": list(person)}

    async def finish(self, ctx: Context, call: Call) -> Reply:
        """End a sign-in with SAML: sign in, or link the account."""
        body: SamlCallback = call.body
        judged = await self._redeemed(ctx, JUDGED, body.state)
        given = digest(body.verifier or BEGUN.read(call.headers) or "")
        if not hmac.compare_digest(given, judged.data["challenge"]):
            raise TokenSpent
        if "declined" in judged.data:
            raise SignInDeclined(error=judged.data["declined"])
        if "person" not in judged.data:
            raise SignInRefused
        try:
            provider = await _provider(ctx, judged)
        except NotFound:
            raise TokenSpent from None
        person = Person(*judged.data["person"])
        return_to = judged.data["return_to"]
        known = Known(provider, person, return_to, judged.subject_id)
        return await self.others.settle(ctx, call, known)

    async def _redeemed(self, ctx: Context, purpose: str, token: str) -> OneTime:
        async with ctx.session.transaction() as transaction:
            return await self.one_time().redeem(transaction, purpose, token)


async def _provider(ctx: Context, asked: OneTime) -> Provider:
    return await find(ctx.session, parse_uuid(asked.data["provider"]))


def _sent(call: Call) -> str:
    try:
        return read_form(call.raw).get("SAMLResponse", "")
    except BadForm:
        raise Untrusted("it is no answer") from None
