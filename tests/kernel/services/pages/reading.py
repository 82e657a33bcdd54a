"""What can be told from a page's text alone: what those need who cannot see it."""

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.labelled = 0
        self._label = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.seen.append((tag, found))
        self._label = self._label or tag == "label"
        if tag == "input" and found.get("type") != "hidden":
            self.labelled += self._label

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._label = False


def check_html(text: str) -> None:
    """One heading, a language and its direction, a label for each field, no one else's."""
    reader = _Reader()
    reader.feed(text)
    tags = [tag for tag, _ in reader.seen]
    assert (tags.count("h1"), tags.count("main"), tags.count("title")) == (1, 1, 1)
    root = dict(reader.seen)["html"]
    assert root["lang"]
    assert root["dir"] in ("ltr", "rtl")
    fields = [it for tag, it in reader.seen if tag == "input"]
    shown = [it for it in fields if it.get("type") != "hidden"]
    assert reader.labelled == len(shown)
    assert not any("://" in (it.get(k) or "") for _, it in reader.seen for k in LEADING)


LEADING = ("src", "href", "action")
"""Attributes that make a browser ask for something."""
