"""Templates: in the reader's language, and no more powerful than their values."""

from collections.abc import Callable
from pathlib import Path

import pytest

from insula.kernel.mail.templates import (
    BadTemplate,
    Templates,
    UnknownTemplate,
    fallbacks,
)

Write = Callable[..., Templates]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Templates of a package ``app``, in English, that consist of what is given."""

    def write(text: str, html: str = "<p>x</p>", subject: str = "S") -> Templates:
        folder = tmp_path / "en" / "mail"
        folder.mkdir(parents=True, exist_ok=True)
        for part, content in (("subject", subject), ("txt", text), ("html", html)):
            (folder / f"hello.{part}.j2").write_text(content)
        return Templates({"app": tmp_path})

    return write


@pytest.mark.parametrize(
    ("wanted", "order"),
    [
        ("de-AT", ["de-AT", "de", "en"]),
        ("de_AT", ["de-AT", "de", "en"]),
        ("ar", ["ar", "en"]),
        ("", ["en"]),
        ("../../etc", ["en"]),
    ],
)
def test_the_nearest_language_is_taken(wanted: str, order: list[str]) -> None:
    assert list(fallbacks(wanted)) == order


def test_a_language_that_is_missing_is_english(write: Write) -> None:
    assert write("Hello").nearest("app.hello", "de-AT") == "en"


def test_html_escapes_what_it_is_given_and_text_does_not(write: Write) -> None:
    templates = write(
        "{{ name }}", "<p title='{{ name }}'>{{ name }}</p>", "{{ name }}"
    )
    said = "<b>Tom & 'Ann'</b>"
    mail = templates.render("app.hello", "en", {"name": said})
    shown = "&lt;b&gt;Tom &amp; &#39;Ann&#39;&lt;/b&gt;"
    assert mail.html == f"<p title='{shown}'>{shown}</p>"
    assert (mail.subject, mail.text) == (said, f"{said}\n")


def test_a_subject_is_one_line_whatever_it_is_given(write: Write) -> None:
    """PITFALLS 37."""
    templates = write("x", subject="Hello {{ name }}")
    mail = templates.render("app.hello", "en", {"name": "A\r\nBcc: all@x.test\0"})
    assert mail.subject == "Hello A Bcc: all@x.test"


def test_a_value_that_is_missing_is_an_error(write: Write) -> None:
    with pytest.raises(BadTemplate, match="'name' is undefined"):
        write("{{ name }}").render("app.hello", "en", {})
    with pytest.raises(BadTemplate):
        write("{{ user.name }}").render("app.hello", "en", {"user": {}})


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ name['__class__'] }}",
        "{{ name|attr('__class__') }}",
        "{{ name.upper() }}",
        "{{ name.format_map(user) }}",
        "{{ '{0.__class__}'.format(name) }}",
        "{{ user.__init__.__globals__ }}",
        "{{ user.secret }}",
        "{{ user.items() }}",
        "{{ self.__init__ }}",
        "{{ config }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ range(999999999) }}",
        "{{ 'a' * 999999999 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%9999999999d' % 1 }}",
        "{% for a in loop.__class__ %}{% endfor %}",
        "{% include '/etc/passwd' %}",
        "{% include '../../../../etc/passwd' %}",
        "{% import 'en/app.hello.html' as x %}{{ x.__dict__ }}",
        "{% if",
    ],
)
def test_a_template_can_do_no_more_than_its_values_say(write: Write, text: str) -> None:
    """PITFALLS 37: no attribute, no method, no call, no file, no giant."""

    class Thing:
        secret = "s3cret"

    templates = write(text)
    with pytest.raises(BadTemplate) as refused:
        templates.render("app.hello", "en", {"name": "Ada", "user": Thing()})
    assert "s3cret" not in str(refused.value)


def test_loops_and_mappings_work_as_authors_expect(write: Write) -> None:
    templates = write(
        "{% for it in items %}{{ loop.index }}. {{ it.name|upper }} {{ it.n * 2 }}"
        "{% if not loop.last %}, {% endif %}{% endfor %}"
    )
    items = [{"name": "a", "n": 1}, {"name": "items", "n": 2}]
    mail = templates.render("app.hello", "en", {"items": items})
    assert mail.text == "1. A 2, 2. ITEMS 4\n"


@pytest.mark.parametrize("name", ["app.nope", "nope.hello", "app", "../app.hello", ""])
def test_a_template_that_nobody_brings_is_unknown(write: Write, name: str) -> None:
    with pytest.raises(UnknownTemplate):
        write("x").render(name, "en", {})
