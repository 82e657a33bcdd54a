"""Visits: one request of a person on the way to a program, and the pages it is shown."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.identity.sessions import Origin
from insula.kernel.services.oauth.asking import back
from insula.kernel.services.oauth.codes import Wanted
from insula.kernel.services.oauth.pages import (
    HTML,
    Button,
    Field,
    Form,
    Page,
    rendered,
    say,
)

VISIT = "insula-visit"
"""A cookie that ties the form of somebody who is not signed in to their browser."""
VISITING = re.compile(rb"(?:^|;\s*)(?:__Host-)?insula-visit=([A-Za-z0-9_-]{43})(?:;|$)")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a person to the page, and what is known by then."""

    ctx: Context
    call: Call
    language: str
    wanted: Wanted
    actor: Actor | None
    secret: str
    """What their browser alone knows: the session's cookie, or the visit's."""

    @property
    def token(self) -> str:
        """What our own form carries, and nobody else's for this request can."""
        said = f"oauth:{self.call.target}".encode()
        return hmac.digest(self.secret.encode(), said, hashlib.sha256).hex()

    @property
    def origin(self) -> Origin:
        """Where they come from."""
        return Origin(self.ctx.request_id, self.ctx.client, self.call.user_agent)

    def say(self, name: str, /, **values: str) -> str:
        """A phrase in their language."""
        return say(self.language, name, **values)


def issuer(call: Call) -> str:
    """Who issues the tokens of the host that was asked (RFC 8414, 2)."""
    return f"{'https' if call.secure else 'http'}://{call.authority}"


def answer_of(visit: Visit, **said: str) -> str:
    """The program's address, with what came of the visit."""
    wanted = visit.wanted
    return back(issuer(visit.call), wanted.redirect_uri, wanted.state, **said)


def go(where: str, *headers: tuple[bytes, bytes]) -> Reply:
    """Send the browser on, by GET (RFC 9700, 4.12)."""
    said = ((b"location", where.encode()), (b"cache-control", b"no-store"), *headers)
    return Reply(b"", status=303, content_type=HTML, headers=said)


def stop(ctx: Context, language: str, why: str, status: int) -> Reply:
    """Tell the person, who is sent nowhere."""
    title, body = say(language, "nobody"), say(language, why)
    page = Page(tenant=ctx.tenant.name, title=title, body=body)
    return rendered(page, language, status=status)


def visiting(call: Call) -> str:
    """What the visit's cookie says, or a new one will."""
    found = VISITING.search(call.headers.get(b"cookie", b""))
    return found[1].decode() if found else secrets.token_urlsafe(32)


def ours(visit: Visit, form: Mapping[str, str]) -> bool:
    """Whether our own page in this very browser sent the form."""
    headers = visit.call.headers
    if headers.get(b"sec-fetch-site", b"same-origin") != b"same-origin":
        return False
    own = issuer(visit.call).encode()
    if headers.get(b"origin", own) != own:
        return False
    given = form.get("csrf", "").encode()
    return hmac.compare_digest(given, visit.token.encode())


def form_of(
    visit: Visit,
    asked: Sequence[Field],
    buttons: Sequence[Button],
    *hidden: tuple[str, str],
) -> Form:
    """A form that goes back to where it came from, and proves that it is ours."""
    return Form(visit.call.target, (("csrf", visit.token), *hidden), asked, buttons)


def sign_in_page(visit: Visit, fault: str = "", status: int = 200) -> Reply:
    """Ask who they are."""
    asked = (
        Field("email", visit.say("email"), "email", "username"),
        Field("password", visit.say("password"), "password", "current-password"),
    )
    return _entering(
        visit, form_of(visit, asked, (Button("sign_in", visit.say("go_on")),)),
        fault, status,
    )  # fmt: skip


def code_page(visit: Visit, challenge: str, *, wrong: bool = False) -> Reply:
    """Ask for the code of their second factor."""
    asked = (Field("code", visit.say("code"), "text", "one-time-code"),)
    buttons = (Button("prove", visit.say("go_on")),)
    form = form_of(visit, asked, buttons, ("challenge", challenge))
    fault = visit.say("wrong_code") if wrong else ""
    return _entering(visit, form, fault, 401 if wrong else 200)


def _entering(visit: Visit, form: Form, fault: str, status: int) -> Reply:
    page = Page(
        tenant=visit.ctx.tenant.name,
        title=visit.say("sign_in"),
        subtitle=visit.say("sign_in_for", client=visit.wanted.client.name),
        fault=fault,
        form=form,
    )
    name, flags = VISIT, ""
    if visit.call.secure:
        name, flags = f"__Host-{VISIT}", "; Secure"
    cookie = f"{name}={visit.secret}; Path=/; HttpOnly; SameSite=Lax{flags}"
    headers = ((b"set-cookie", cookie.encode()),)
    return rendered(page, visit.language, status=status, headers=headers)
