"""The shell: what every page of ours looks like that a person sees before the console.

No page asks for anything beyond itself. Of scripts there is one, which takes what a link
carries behind its ``#`` into the form, and out of the address bar.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from insula.kernel.access.operation import Reply
from insula.kernel.foundation.languages import ENGLISH

HERE = Path(__file__).parent
HTML = "text/html; charset=utf-8"
RIGHT_TO_LEFT = ("ar",)
LONGEST = 256

_environment = Environment(
    loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined
)


@dataclass(frozen=True, slots=True)
class Field:
    """Something to be filled in; by the link that led here, if it carries it."""

    name: str
    label: str
    type: str
    autocomplete: str
    from_link: bool = False
    longest: int = LONGEST


@dataclass(frozen=True, slots=True)
class Button:
    """Something to be chosen."""

    step: str
    label: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list, and what can be done about it."""

    title: str
    detail: str
    button: Button | None


@dataclass(frozen=True, slots=True)
class Way:
    """Another page to go to."""

    address: str
    label: str


@dataclass(frozen=True, slots=True)
class Form:
    """What a person sends back; ``hidden`` goes with it."""

    action: str
    hidden: Sequence[tuple[str, str]]
    fields: Sequence[Field] = ()
    buttons: Sequence[Button] = ()
    entries: Sequence[Entry] = ()

    @property
    def from_link(self) -> bool:
        """Whether a link fills something in."""
        return any(it.from_link for it in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page; ``leads_to`` is where its form may lead in the end, beside ourselves."""

    tenant: str
    host: str
    title: str
    subtitle: str = ""
    fault: str = ""
    good: str = ""
    body: str = ""
    scopes: Sequence[str] = ()
    notes: Sequence[str] = ()
    form: Form | None = None
    ways: Sequence[Way] = ()
    back: Form | None = None
    """A form that is not seen: a link fills it in, and it is sent at once."""
    leads_to: str | None = None

    @property
    def from_link(self) -> bool:
        """Whether a link fills something in."""
        return any(it is not None and it.from_link for it in (self.form, self.back))


def rendered(
    page: Page,
    language: str = ENGLISH,
    *,
    status: int = 200,
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> Reply:
    """The answer that is the page."""
    script = page.from_link
    text = _environment.get_template("page.html.j2").render(
        page=page,
        language=language,
        direction="rtl" if language in RIGHT_TO_LEFT else "ltr",
        style=_text("ledger.css"),
        script=_text("link.js") if script else "",
    )
    said = (
        (b"content-security-policy", _policy(page.leads_to, script=script)),
        # With none, browsers would send no Origin with our own forms.
        (b"referrer-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
        *headers,
    )
    return Reply(text.encode(), status=status, content_type=HTML, headers=said)


def _policy(leads_to: str | None, *, script: bool) -> bytes:
    """What the page may do: nothing but look like this, and send its form."""
    scripts = f" script-src {_hash('link.js')};" if script else ""
    targets = "'self'" if leads_to is None else f"'self' {leads_to}"
    return (
        f"default-src 'none'; style-src {_hash('ledger.css')};{scripts}"
        f" form-action {targets}; frame-ancestors 'none'; base-uri 'none'"
    ).encode()


@cache
def _text(name: str) -> str:
    return (HERE / name).read_text()


@cache
def _hash(name: str) -> str:
    digest = hashlib.sha256(_text(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
