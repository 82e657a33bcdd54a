"""What can be told from a page as it is on the screen: whether everybody can use it."""

from typing import Any

from playwright.async_api import Page

LOOKS = (
    ("de", "light", 1280),
    ("de", "dark", 390),
    ("ar", "light", 390),
    ("ar", "dark", 1280),
)
"""Language, scheme and width, so that every one of each was seen."""

LOOK = """() => {
  const channel = it => { const c = it / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) =>
    0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = node => { for (let it = node; it; it = it.parentElement) {
      const found = parse(getComputedStyle(it).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found; }
    return [255, 255, 255]; };
  const contrast = node => { const [a, b] =
      [light(parse(getComputedStyle(node).color)), light(ground(node))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); };
  const shown = [...document.querySelectorAll("body *")].filter(it =>
    it.checkVisibility());
  const text = shown.filter(it => [...it.childNodes].some(node =>
    node.nodeType === 3 && node.textContent.trim()));
  const fields = shown.filter(it => it.matches("input:not([type=hidden])"));
  const pressed = shown.filter(it => it.matches("input, button"));
  return {
    language: document.documentElement.lang,
    direction: document.documentElement.dir,
    title: document.title,
    headings: document.querySelectorAll("h1").length,
    mains: document.querySelectorAll("main").length,
    faint: text.filter(it => contrast(it) < 4.5).map(it => it.textContent),
    nameless: fields.filter(it => !it.labels.length).map(it => it.name),
    small: pressed.filter(it => it.getBoundingClientRect().height < 24)
      .map(it => it.outerHTML),
    overflow: document.documentElement.scrollWidth > innerWidth,
    stretched: shown.filter(it => it.getBoundingClientRect().right > innerWidth + 1
      || it.getBoundingClientRect().left < -1).map(it => it.outerHTML),
    loaded: performance.getEntriesByType("resource").map(it => it.name)
      .filter(it => !it.startsWith(location.origin)),
  };
}"""


async def check_page(page: Page, language: str) -> None:
    """Raise where somebody would be left out, or somebody else is asked for something."""
    seen: dict[str, Any] = await page.evaluate(LOOK)
    assert seen.pop("title")
    wanted: dict[str, Any] = {
        "language": language,
        "direction": "rtl" if language == "ar" else "ltr",
        "headings": 1,
        "mains": 1,
        "faint": [],
        "nameless": [],
        "small": [],
        "overflow": False,
        "stretched": [],
        "loaded": [],
    }
    assert {name: it for name, it in seen.items() if it != wanted[name]} == {}
