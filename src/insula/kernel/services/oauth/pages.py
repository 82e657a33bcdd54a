"""Pages: what a person sees on the way to a program; no script runs in them."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from insula.kernel.access.operation import Reply
from insula.kernel.services.oauth.phrases import PHRASES, direction_of
from insula.kernel.services.oauth.redirects import form_target

STYLE = """
:root { color-scheme: light dark; font: 17px/1.6 system-ui, sans-serif; }
body { max-width: 28rem; margin: 10vh auto; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5em; overflow-wrap: anywhere; }
p.kind { letter-spacing: .08em; font-size: .8rem; opacity: .75; margin: 0; }
p.fault { border-inline-start: .25rem solid #c33; padding-inline-start: .75rem; }
p.note { font-size: .85rem; opacity: .8; overflow-wrap: anywhere; }
label { display: block; margin: 0 0 1rem; }
input { display: block; box-sizing: border-box; width: 100%; font: inherit;
  padding: .5rem; margin-top: .25rem; }
button { font: inherit; padding: .5rem 1.25rem; margin-inline-end: .75rem; }
li { overflow-wrap: anywhere; }
"""
HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HTML = "text/html; charset=utf-8"

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
)


@dataclass(frozen=True, slots=True)
class Field:
    """Something to be filled in."""

    name: str
    label: str
    type: str
    autocomplete: str


@dataclass(frozen=True, slots=True)
class Button:
    """Something to be chosen."""

    step: str
    label: str


@dataclass(frozen=True, slots=True)
class Form:
    """What a person sends back; ``hidden`` goes with it."""

    action: str
    hidden: Sequence[tuple[str, str]]
    fields: Sequence[Field]
    buttons: Sequence[Button]


@dataclass(frozen=True, slots=True)
class Page:
    """A page; ``leads_to`` is where its form may lead in the end."""

    tenant: str
    title: str
    subtitle: str = ""
    fault: str = ""
    body: str = ""
    scopes: Sequence[str] = ()
    notes: Sequence[str] = ()
    form: Form | None = None
    leads_to: str | None = None


def policy(leads_to: str | None) -> bytes:
    """What the page may do: nothing but look like this, and send its form."""
    targets = "'self'" if leads_to is None else f"'self' {form_target(leads_to)}"
    return (
        f"default-src 'none'; style-src 'sha256-{HASH}'; form-action {targets};"
        " frame-ancestors 'none'; base-uri 'none'"
    ).encode()


def rendered(
    page: Page,
    language: str,
    *,
    status: int = 200,
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> Reply:
    """The answer that is the page."""
    text = _environment.get_template("page.html.j2").render(
        language=language,
        direction=direction_of(language),
        style=STYLE,
        tenant=page.tenant,
        title=page.title,
        subtitle=page.subtitle,
        fault=page.fault,
        body=page.body,
        scopes=page.scopes,
        notes=page.notes,
        form=page.form,
    )
    said = (
        (b"content-security-policy", policy(page.leads_to)),
        # With none, browsers would send no Origin with our own forms.
        (b"referrer-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
        *headers,
    )
    return Reply(text.encode(), status=status, content_type=HTML, headers=said)


def say(language: str, name: str, /, **values: str) -> str:
    """A phrase in a language."""
    return PHRASES[language][name].format(**values)
