"""Links: the pages on which the links of mails end, until a console takes them over.

Each is a face of one operation of the API, which does what there is to do. Opening a link
does nothing yet: programs that look into mails open all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply, Run
from insula.kernel.foundation.errors import Problem
from insula.kernel.foundation.words import Words
from insula.kernel.identity.one_time import TokenSpent
from insula.kernel.services.pages.forms import FORM
from insula.kernel.services.pages.shell import HTML, Button, Field, Page, Way
from insula.kernel.services.pages.visiting import Reception, Visit

LONGEST_TOKEN = 300
SIGN_IN = "/sign-in"
FORGOTTEN = "/forgot-password"


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that a page asks for beside what the link carries."""

    name: str
    label: Words
    type: str
    autocomplete: str


@dataclass(frozen=True, slots=True)
class LinkPage:
    """A page, and the operation that takes what is filled in there."""

    path: str
    operation: str
    title: Words
    lead: Words
    button: Words
    done: Words
    asked: tuple[Asked, ...] = ()
    carried: bool = True
    """Whether a link leads there that carries a token."""
    onward: bool = True
    """Whether its people sign in at our own page afterwards."""


EMAIL = Asked("email", Words("E-mail address"), "email", "email")
NAME = Asked("name", Words("Your name"), "text", "name")
PASSWORD = Asked("password", Words("New password"), "password", "new-password")

PAGES = (
    LinkPage(
        "/accept-invitation",
        "auth.accept_invitation",
        Words("You are invited"),
        Words("Say what you are called, and choose a password to come in with."),
        Words("Accept the invitation"),
        Words("Welcome! You can sign in now."),
        (NAME, PASSWORD),
    ),
    LinkPage(
        "/verify-email",
        "auth.verify_email",
        Words("Is this your address?"),
        Words("Confirm that the mail with this link came to you."),
        Words("Confirm the address"),
        Words("Thank you, your address is confirmed."),
    ),
    LinkPage(
        "/confirm-email",
        "auth.confirm_email",
        Words("Is this your new address?"),
        Words("Confirm it, and from then on you sign in with it."),
        Words("Use this address"),
        Words("Your new address counts from now on."),
    ),
    LinkPage(
        "/reset-password",
        "auth.reset_password",
        Words("Choose a password"),
        Words("Every sign-in of before ends, wherever it was."),
        Words("Keep this password"),
        Words("Your new password counts from now on."),
        (PASSWORD,),
    ),
    LinkPage(
        FORGOTTEN,
        "auth.forgot_password",
        Words("Password forgotten?"),
        Words("We send you a link with which you choose another one."),
        Words("Send the link"),
        Words("If there is an account with this address, a mail is on its way."),
        (EMAIL,),
        carried=False,
    ),
    LinkPage(
        "/portal/password",
        "portal.auth.set_password",
        Words("Choose a password"),
        Words("You sign in to the portal with it."),
        Words("Keep this password"),
        Words("Your new password counts from now on."),
        (PASSWORD,),
        onward=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Links:
    """Shows the pages, and has done what they are for."""

    reception: Reception
    deeds: Mapping[str, Operation]
    """The operations of the API, by their names."""

    def operations(self) -> tuple[Operation, ...]:
        """Two for each page: it is shown, and it is sent back."""
        return tuple(each for page in PAGES for each in self._both(page))

    def _both(self, page: LinkPage) -> tuple[Operation, Operation]:
        deed = self.deeds[page.operation]

        async def show(ctx: Context, call: Call) -> Reply:
            return _ask(page, await self.reception.receive(ctx, call), {})

        async def act(ctx: Context, call: Call) -> Reply:
            return await _take(page, deed, await self.reception.receive(ctx, call))

        name = f"pages{page.path.replace('/', '.').replace('-', '_')}"
        return two(name, page.path, show, act, str(page.title))


def two(
    name: str, path: str, show: Run, act: Run, summary: str
) -> tuple[Operation, Operation]:
    """The operations of a page: it is shown, and it is sent back."""
    visitor, limit = Audience.visitor, "auth"
    return (
        Operation(
            name=name, method="GET", path=path, run=show, summary=f"Page: {summary}",
            audience=visitor, limit=limit, writes=False, content_type=HTML,
        ),
        Operation(
            name=f"{name}.send", method="POST", path=path, run=act,
            summary=f"Page, filled in: {summary}", audience=visitor, limit=limit,
            raw_body=FORM, content_type=HTML,
        ),
    )  # fmt: skip


def forged(visit: Visit) -> Reply:
    """Refuse a form that is none of ours, or too old."""
    why = Words("This form is no longer good: open the page anew.")
    return visit.refuse(Words("This cannot go on"), visit.say(why), 403)


def carried(visit: Visit) -> Field:
    """What a link fills in; who has no scripts copies it there."""
    label = visit.say(Words("What the link says behind its #"))
    return Field("token", label, "text", "off", from_link=True, longest=LONGEST_TOKEN)


async def _take(page: LinkPage, deed: Operation, visit: Visit) -> Reply:
    form = visit.sent()
    if form is None:
        return forged(visit)
    assert deed.body is not None
    names = [it.name for it in page.asked] + ["token"] * page.carried
    try:
        body = deed.body.model_validate({it: form.get(it, "") for it in names})
        await deed.run(visit.ctx, replace(visit.call, body=body))
    except ValidationError as error:
        return _ask(page, visit, form, _misread(page, visit, error), 422)
    except TokenSpent as problem:
        return visit.refuse(page.title, visit.explain(problem), problem.status)
    except Problem as problem:
        return _ask(page, visit, form, visit.explain(problem), problem.status)
    ways = (Way(SIGN_IN, visit.say(Words("Sign in"))),) if page.onward else ()
    title, good = visit.say(page.title), visit.say(page.done)
    return visit.show(replace(visit.blank, title=title, good=good, ways=ways))


def _ask(
    page: LinkPage,
    visit: Visit,
    form: Mapping[str, str],
    fault: str = "",
    status: int = 200,
) -> Reply:
    asked = [
        Field(it.name, visit.say(it.label), it.type, it.autocomplete)
        for it in page.asked
    ]
    token = form.get("token")
    hidden = () if token is None else (("token", token),)
    if page.carried and token is None:
        asked.insert(0, carried(visit))
    shown: Page = replace(
        visit.blank,
        title=visit.say(page.title),
        subtitle=visit.say(page.lead),
        fault=fault,
        form=visit.form(asked, (Button("go", visit.say(page.button)),), *hidden),
    )
    return visit.show(shown, status)


def _misread(page: LinkPage, visit: Visit, error: ValidationError) -> str:
    """Which of the fields cannot be right."""
    wrong = error.errors()[0]["loc"][:1]
    label = next((it.label for it in page.asked if (it.name,) == wrong), None)
    if label is None:
        return visit.explain(TokenSpent())
    return visit.say(Words("Look once more at this: {field}.", field=label))
