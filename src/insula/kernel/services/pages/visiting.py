"""Visits: one request of a person at a page of ours, and what is known of them."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.errors import Problem, Unauthenticated
from insula.kernel.foundation.languages import ENGLISH, Catalog, Languages, told
from insula.kernel.foundation.words import Words
from insula.kernel.identity.authenticate import Authenticator
from insula.kernel.identity.cookies import SESSION, Cookie
from insula.kernel.identity.sessions import Origin
from insula.kernel.services.pages.forms import BadForm, read_form
from insula.kernel.services.pages.shell import (
    HTML,
    Button,
    Entry,
    Field,
    Form,
    Page,
    rendered,
)
from insula.kernel.tenancy.signals import TenantMismatch

VISIT = Cookie("insula-visit")
"""It ties the form of somebody who is not signed in to their browser."""
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
BROWSERS = "inss_"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a person to a page, and what is known by then."""

    ctx: Context
    call: Call
    catalog: Catalog | None
    actor: Actor | None
    secret: str = field(repr=False)
    """What their browser alone knows: the session's cookie, or the visit's."""

    @property
    def language(self) -> str:
        """The language of the page."""
        return ENGLISH if self.catalog is None else self.catalog.language

    @property
    def token(self) -> str:
        """What our own form carries, and nobody else's for this page can."""
        said = f"page:{self.call.target}".encode()
        return hmac.digest(self.secret.encode(), said, hashlib.sha256).hex()

    @property
    def origin(self) -> Origin:
        """Where they come from."""
        return Origin(self.ctx.request_id, self.ctx.client, self.call.user_agent)

    def say(self, words: Words) -> str:
        """A sentence in their language."""
        return told(words, self.catalog)

    def explain(self, problem: Problem) -> str:
        """What went wrong, in their language; a field's own words, if it is one."""
        if problem.fields:
            return told(problem.fields[0].message, self.catalog)
        return (
            problem.message if self.catalog is None else self.catalog.problem(problem)
        )

    def form(
        self,
        fields: Sequence[Field],
        buttons: Sequence[Button],
        *hidden: tuple[str, str],
        entries: Sequence[Entry] = (),
    ) -> Form:
        """A form that goes back to where it came from, and proves that it is ours."""
        said = ("csrf", self.token), *hidden
        return Form(self.call.target, said, fields, buttons, entries)

    def ours(self, form: Mapping[str, str]) -> bool:
        """Whether our own page in this very browser sent the form."""
        headers = self.call.headers
        if headers.get(b"sec-fetch-site", b"same-origin") != b"same-origin":
            return False
        own = origin_of(self.call).encode()
        if headers.get(b"origin", own) != own:
            return False
        given = form.get("csrf", "").encode()
        return hmac.compare_digest(given, self.token.encode())

    def show(self, page: Page, status: int = 200) -> Reply:
        """The page; who is nobody yet keeps what ties its form to their browser."""
        known = self.actor is not None or page.form is None
        cookie = VISIT.give(self.secret, None, secure=self.call.secure)
        headers = () if known else (cookie,)
        return rendered(page, self.language, status=status, headers=headers)

    @property
    def blank(self) -> Page:
        """A page of the tenant, on which nothing is written yet."""
        tenant = self.ctx.tenant
        return Page(tenant=tenant.name, host=tenant.domain, title="")

    def sent(self) -> Mapping[str, str] | None:
        """The form that our own page in this very browser sent; None: it is another."""
        try:
            form = read_form(self.call.raw)
        except BadForm:
            return None
        return form if self.ours(form) else None

    def refuse(self, title: Words, why: str, status: int) -> Reply:
        """Tell the person, who is sent nowhere."""
        page = replace(self.blank, title=self.say(title), body=why)
        return self.show(page, status)


@dataclass(frozen=True, slots=True)
class Reception:
    """Knows who comes to a page, and in which language they read."""

    authenticator: Authenticator
    languages: Languages

    async def receive(self, ctx: Context, call: Call) -> Visit:
        """What is known of a request."""
        catalog = self.languages.choose(call.headers, (ctx.tenant.policy.locale,))
        cookie = SESSION.read(call.headers)
        actor = None if cookie is None else await self._user(ctx, cookie)
        secret = (cookie if actor else None) or _secret(call)
        return Visit(ctx, call, catalog, actor, secret)

    async def _user(self, ctx: Context, cookie: str) -> Actor | None:
        """Whose browser it is; a session of another kind or tenant is none."""
        if not cookie.startswith(BROWSERS):
            return None
        try:
            return await self.authenticator.actor(ctx.tenant, cookie)
        except (Unauthenticated, TenantMismatch):
            return None


def apart(text: str) -> str:
    """Somebody's words within ours, whichever way either is written."""
    return f"\u2068{text}\u2069"


def origin_of(call: Call) -> str:
    """The origin of the host that was asked."""
    return f"{'https' if call.secure else 'http'}://{call.authority}"


def go(where: str, *headers: tuple[bytes, bytes]) -> Reply:
    """Send the browser on, by GET (RFC 9700, 4.12)."""
    said = ((b"location", where.encode()), (b"cache-control", b"no-store"), *headers)
    return Reply(b"", status=303, content_type=HTML, headers=said)


def _secret(call: Call) -> str:
    """What the visit's cookie says, or a new one will."""
    found = VISIT.read(call.headers) or ""
    return found if SECRET.fullmatch(found) else secrets.token_urlsafe(32)
