"""The mails that packages bring: each in every language, with the same values."""

from pathlib import Path

import pytest

import insula
from insula.kernel.mail.templates import Templates
from insula.kernel.resource.engine import registered_apps
from insula.kernel.services.mail.manifest import LOCALE

LANGUAGES = ("en", "de", "ar")
SERVICES = Path(insula.__file__).parent / "kernel" / "services"


def every() -> Templates:
    """The templates of all services and of all registered apps."""
    folders = {it.parent.name: it for it in SERVICES.glob("*/locale")}
    folders |= {app.name: app.folder / "locale" for app in registered_apps()}
    assert folders["mail"] == LOCALE
    return Templates(folders)


VALUES = {
    "heading": "Wartung <fällig>",
    "body": "Zeile 1\nZeile 2",
    "link": "https://acme.test/1",
    "tenant": "Acme & Co",
    "recipient": "ada@people.test",
}


def test_each_template_is_there_in_every_language_with_the_same_values() -> None:
    templates = every()
    assert {"mail.notice", "mail.test"} <= set(templates.names())
    for name in templates.names():
        wanted = templates.variables(name, "en")
        for language in LANGUAGES:
            assert templates.nearest(name, language) == language, name
            assert templates.variables(name, language) == wanted, (name, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_own_mails_are_rendered_in_the_readers_direction(language: str) -> None:
    way = "rtl" if language == "ar" else "ltr"
    for name in ("mail.notice", "mail.test"):
        mail = every().render(name, language, VALUES)
        assert f'<html lang="{language}" dir="{way}">' in mail.html
        assert mail.subject
        assert "<" not in mail.text.replace("<fällig>", "")
    notice = every().render("mail.notice", language, VALUES)
    assert "Wartung &lt;fällig&gt;" in notice.html
    assert 'href="https://acme.test/1"' in notice.html


def test_a_notice_without_a_link_has_none() -> None:
    notice = every().render("mail.notice", "de-AT", {**VALUES, "link": None})
    assert "href" not in notice.html
    assert "Öffnen" not in notice.text
