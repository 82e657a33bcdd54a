"""Signing in on a page: a password, then the code of a second factor where it is wanted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from insula.kernel.access.operation import Reply, Run
from insula.kernel.foundation.errors import Problem, Unauthenticated
from insula.kernel.foundation.words import Words
from insula.kernel.identity.factors.problems import (
    EnrolmentRequired,
    FactorRefused,
    SecondFactorRequired,
)
from insula.kernel.identity.operations import Login
from insula.kernel.identity.signing_in import Identity, InvalidCredentials
from insula.kernel.services.factors.views import SecondFactor
from insula.kernel.services.pages.shell import Button, Field, Form, Way
from insula.kernel.services.pages.visiting import Visit, go

DIGITS = re.compile(r"\d{6}", re.ASCII)
PROVE = "prove"
"""The step of a form that carries a code."""
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Entering:
    """Where a sign-in leads to, and what its page says of that."""

    where: str
    subtitle: str = ""
    ways: tuple[Way, ...] = ()
    back: Form | None = None


@dataclass(frozen=True, slots=True)
class PageSignIn:
    """Lets people in who fill in a page; as the API lets them in.

    ``login`` and ``second_step`` are the operations of the API that do.
    """

    identity: Identity
    login: Run
    second_step: Run

    def ask(
        self, visit: Visit, entering: Entering, fault: str = "", status: int = 200
    ) -> Reply:
        """Ask who they are."""
        email = visit.say(Words("E-mail address"))
        password = visit.say(Words("Password"))
        asked = (
            Field("email", email, "email", "username"),
            Field("password", password, "password", "current-password"),
        )
        buttons = (Button("sign_in", visit.say(Words("Go on"))),)
        return _shown(visit, entering, visit.form(asked, buttons), fault, status)

    def ask_code(
        self, visit: Visit, entering: Entering, challenge: str, fault: str = ""
    ) -> Reply:
        """Ask for the code of their second factor."""
        label = visit.say(Words("Code of your second factor"))
        asked = (Field("code", label, "text", "one-time-code"),)
        buttons = (Button(PROVE, visit.say(Words("Go on"))),)
        form = visit.form(asked, buttons, ("challenge", challenge))
        return _shown(visit, entering, form, fault, 401 if fault else 200)

    async def take(
        self, visit: Visit, form: Mapping[str, str], entering: Entering
    ) -> Reply:
        """Let somebody in who says who they are, or ask once more."""
        challenge = form.get("challenge", "")
        try:
            if form.get("step") == PROVE:
                cookie = await self._proved(visit, challenge, form.get("code", ""))
            else:
                cookie = await self._logged_in(visit, form)
        except SecondFactorRequired as problem:
            return self.ask_code(visit, entering, str(problem.details["challenge"]))
        except (FactorRefused, ValidationError):
            wrong = visit.say(Words("That code is wrong, used or too old."))
            return self.ask_code(visit, entering, challenge, wrong)
        except EnrolmentRequired:
            other = Words(
                "Sign in to {tenant} in this browser first, then come back here.",
                tenant=visit.ctx.tenant.name,
            )
            return self.ask(visit, entering, visit.say(other), 401)
        except Unauthenticated:
            wrong = visit.say(Words("The e-mail address or the password is wrong."))
            return self.ask(visit, entering, wrong, 401)
        except Problem as problem:
            return self.ask(visit, entering, visit.explain(problem), problem.status)
        return go(entering.where, *cookie)

    async def _logged_in(self, visit: Visit, form: Mapping[str, str]) -> Headers:
        email, password = form.get("email", ""), form.get("password", "")
        try:
            body = Login(email=email, password=password, cookie=True)
        except ValidationError:
            raise InvalidCredentials from None
        return cookies_of(await self.login(visit.ctx, replace(visit.call, body=body)))

    async def _proved(self, visit: Visit, challenge: str, code: str) -> Headers:
        """The cookie of a sign-in that a code completes; as the API completes one."""
        body = SecondFactor(
            challenge=challenge,
            method="totp" if DIGITS.fullmatch(code) else "backup_code",
            code=code,
            cookie=True,
        )
        reply = await self.second_step(visit.ctx, replace(visit.call, body=body))
        return cookies_of(reply)


def cookies_of(reply: Reply) -> Headers:
    """The cookies that an answer of the API gives."""
    return tuple(it for it in reply.headers if it[0] == b"set-cookie")


def _shown(
    visit: Visit, entering: Entering, form: Form, fault: str, status: int
) -> Reply:
    page = replace(
        visit.blank,
        title=visit.say(Words("Sign in")),
        subtitle=entering.subtitle,
        fault=fault,
        form=form,
        ways=entering.ways,
        back=entering.back,
    )
    return visit.show(page, status)
