"""Plain text: what a person would read of an HTML document, without its markup.

The standard library's parser takes time that grows with the square of what is left
open in hostile HTML (measured: 400 kB of ``<!--`` 45 s); this one looks at each
character once.
"""

import re
from collections.abc import Iterator
from html import unescape

LONGEST = 512 * 1024
"""Characters of HTML that are looked at; a letter is shorter."""
SILENT = frozenset({"script", "style", "title", "template", "noscript", "textarea"})
BLOCKS = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "br",
        "div",
        "dl",
        "dt",
        "dd",
        "fieldset",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tr",
        "ul",
    ]
)
TAG = re.compile(r"(/?)([A-Za-z][A-Za-z0-9]{0,30})")
TARGET = re.compile(
    r"""\bhref\s*=\s*["']?(https?://[^\s"'<>]{1,2000})""", re.IGNORECASE
)
SPACES = re.compile(r"[ \t\r\n\f\v\xa0]+")
GAPS = re.compile(r"\n{3,}")


def text_of(html: str) -> str:
    """The words of an HTML document, in lines and paragraphs."""
    pieces: list[str] = []
    links: list[tuple[str, int]] = []
    for words, tag in _tokens(html[:LONGEST]):
        pieces.append(unescape(SPACES.sub(" ", words)))
        found = TAG.match(tag)
        if found is None:
            continue
        ends, name = bool(found[1]), found[2].lower()
        if name in BLOCKS:
            pieces.append("\n- " if name == "li" and not ends else "\n")
        elif name == "a":
            _link(pieces, links, "" if ends else tag)
    return _tidy("".join(pieces))


def _tokens(html: str) -> Iterator[tuple[str, str]]:
    """Words, each with the inside of the tag behind it; what is left open is dropped."""
    at, low = 0, html.lower() if len(html.lower()) == len(html) else html
    while at < len(html):
        start = html.find("<", at)
        if start < 0:
            yield html[at:], ""
            return
        is_comment = html.startswith("<!--", start)
        sign, length = ("-->", 3) if is_comment else (">", 1)
        if not is_comment and html[start + 1 : start + 2] in ("", " ", "<", "="):
            yield html[at : start + 1], ""
            at = start + 1
            continue
        end = html.find(sign, start + 1)
        tag = "" if is_comment else html[start + 1 : max(end, start)]
        yield html[at:start], tag
        at = len(html) if end < 0 else _behind(low, tag, end + length)


def _behind(low: str, tag: str, at: int) -> int:
    """Where reading goes on: behind what a tag hides, else behind the tag."""
    found = TAG.match(tag)
    if found is None or found[1] or found[2].lower() not in SILENT:
        return at
    end = low.find(f"</{found[2].lower()}", at)
    return len(low) if end < 0 else end


def _link(pieces: list[str], links: list[tuple[str, int]], tag: str) -> None:
    """Keep a link's target beside its text, unless that says it already."""
    if tag:
        found = TARGET.search(tag[:4096])
        links[:] = [(unescape(found[1]) if found else "", len(pieces))]
    elif links:
        target, since = links.pop()
        if target and target not in "".join(pieces[since:]):
            pieces.append(f" ({target})")


def _tidy(text: str) -> str:
    lines = (SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return GAPS.sub("\n\n", "\n".join(lines)).strip()
