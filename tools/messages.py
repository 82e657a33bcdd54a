"""The catalogs of messages, kept in step with what the code says.

`python -m tools.messages` looks for every message of the kernel and of the apps that are
installed, and rewrites their `.po` files: new ones come in without a translation, those
that nobody says any more go. A test fails as long as a file is stale or not complete.
"""

import ast
import io
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

import insula
from insula.kernel.database.cluster import cluster_at
from insula.kernel.foundation import errors
from insula.kernel.foundation.errors import Problem
from insula.kernel.foundation.settings import Settings
from insula.kernel.foundation.words import counted
from insula.kernel.resource import violations, wordings
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import registered_apps
from insula.kernel.resource.meta.labels import label_of, labels
from insula.kernel.resource.reports.labelling import COUNT, spoken
from insula.server.platform import Platform

ROOT = Path(insula.__file__).parent
LANGUAGES = ("ar", "de")
SAYING = {"Words": 0, "FieldError": 2, "PydanticCustomError": 1}
"""Which argument of a call is a sentence for people."""
NAMES = frozenset({"message", "said", "told", "words"})
"""What a variable is called that holds such a sentence."""
CONSTANTS = (
    violations.TAKEN,
    errors.UNKNOWN,
    violations.REFUSED,
    wordings.INVALID,
)

LABELS = "insula/kernel/resource/meta/labels.py"
"""Where labels come from: declarations have no sentence of them."""
PAGES = (
    *("all", "api", "audit", "board", "calendar", "comments", "overview", "tags"),
    "timeline",
)

BEGUN = datetime(2026, 11, 21, tzinfo=UTC)
"""In every heading: a catalog says the same whenever it is written."""

Id = str | tuple[str, str]
"""A sentence, or its forms for one and for many."""


@dataclass(frozen=True)
class Domain:
    """What has catalogs of its own: the kernel, or an app."""

    name: str
    package: str
    folder: Path

    def file(self, language: str) -> Path:
        """The catalog of a language."""
        return self.folder / language / "LC_MESSAGES" / f"{self.name}.po"


def domains() -> tuple[Domain, ...]:
    """The kernel with what is made of it, and each app."""
    kernel = Domain("insula", "insula.kernel", ROOT / "kernel" / "locale")
    apps = (
        Domain(app.name, _package(app.folder), app.folder / "locale")
        for app in registered_apps()
        if app.folder.is_relative_to(ROOT)
    )
    return (kernel, *apps)


def _package(folder: Path) -> str:
    return ".".join(("insula", *folder.relative_to(ROOT).parts))


def messages(domain: Domain) -> dict[Id, set[str]]:
    """Every message, and the files in which it is said."""
    found: dict[Id, set[str]] = {}
    parts = (_problems, _calls, _constants, _labels)
    for said, where in (it for part in parts for it in part(domain)):
        found.setdefault(said, set()).add(where)
    return found


def _id(text: str, one: str = "") -> Id:
    return text if counted(text) is None else (one or text, text)


def _problems(domain: Domain) -> Iterator[tuple[Id, str]]:
    """What problems say: their docstrings."""
    package = import_module(domain.package)
    for module in pkgutil.walk_packages(package.__path__, f"{domain.package}."):
        if ".migrations" not in module.name:
            import_module(module.name)
    for problem in _descendants(Problem):
        if f"{problem.__module__}.".startswith(f"{domain.package}."):
            yield _id(problem.template()), problem.__module__.replace(".", "/") + ".py"


def _descendants(problem: type[Problem]) -> Iterator[type[Problem]]:
    yield problem
    for each in problem.__subclasses__():
        yield from _descendants(each)


def _calls(domain: Domain) -> Iterator[tuple[Id, str]]:
    """What is said in the code, as constants."""
    folder = ROOT.parent / domain.package.replace(".", "/")
    for file in sorted(folder.rglob("*.py")):
        where = file.relative_to(ROOT.parent).as_posix()
        for node in ast.walk(ast.parse(file.read_text())):
            if text := _said(node):
                one = _one(node) if isinstance(node, ast.Call) else ""
                yield _id(text, one), where


def _said(node: ast.AST) -> str:
    """What a call says, or what is given a name to be said in the next line."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        place = SAYING.get(node.func.id)
        if place is not None and len(node.args) > place:
            return _text(node.args[place])
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        text = _text(node.value) if node.targets[0].id in NAMES else ""
        return text if text.endswith(".") else ""
    return ""


def _text(node: ast.expr) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if is_text else ""  # type: ignore[attr-defined]  # asked above


def _one(call: ast.Call) -> str:
    given = {it.arg: it.value for it in call.keywords}.get("one")
    return str(given.value) if isinstance(given, ast.Constant) else ""


def _constants(domain: Domain) -> Iterator[tuple[Id, str]]:
    if domain.name != "insula":
        return
    where = "insula/kernel/resource/{}.py"
    for text in CONSTANTS:
        yield _id(text), where.format("violations")
    for kind, text in wordings.WORDINGS.items():
        yield _id(text, wordings.SINGULAR.get(kind, "")), where.format("wordings")


def _labels(domain: Domain) -> Iterator[tuple[Id, str]]:
    """What its resources, their fields and their actions are called."""
    kernel = domain.name == "insula"
    for app in _apps():
        of_kernel = app.folder.is_relative_to(ROOT / "kernel")
        if of_kernel is not kernel or not (kernel or app.name == domain.name):
            continue
        yield from (
            (_id(it), LABELS)
            for it in (app.title, *_of_resources(app), *_of_reports(app))
        )
    if kernel:
        yield from ((_id(label_of(it)), LABELS) for it in (*PAGES, COUNT))


def _of_resources(app: App) -> Iterator[str]:
    for resource in app.resources:
        yield from (it for it in labels(resource) if it)


def _of_reports(app: App) -> Iterator[str]:
    for report in app.reports:
        yield from spoken(report)


@cache
def _apps() -> tuple[App, ...]:
    """The kernel's services and the apps, over no server."""
    address = "postgresql://nobody@localhost:1"
    cluster = cluster_at(address, prefix="none", key=bytes(32))
    settings = Settings(data_dir=Path("nowhere"))
    platform = Platform(settings, cluster, registered_apps())
    return tuple(platform.engine.apps.values())


def kept(file: Path, language: str) -> Catalog:
    """The catalog as it is."""
    if not file.exists():
        return Catalog(locale=language, fuzzy=False)
    with file.open("rb") as source:
        return read_po(source, locale=language)


def renewed(domain: Domain, language: str) -> bytes:
    """The catalog as it should be: translations are kept, all else is made anew."""
    old = kept(domain.file(language), language)
    new = Catalog(
        locale=language,
        project="Insula",
        version="1",
        header_comment=f"# What {domain.name} says, in one more language.",
        msgid_bugs_address="",
        creation_date=BEGUN,
        revision_date=BEGUN,
        last_translator="Insula",
        language_team=language,
        fuzzy=False,
    )
    for said, where in sorted(messages(domain).items(), key=lambda it: str(it[0])):
        new.add(said, _translation(old, said), locations=[(it, 0) for it in where])
    written = io.BytesIO()
    write_po(written, new, width=88, include_lineno=False, sort_output=False)
    return written.getvalue()


def _translation(old: Catalog, said: Id) -> str | tuple[str, ...] | list[str] | None:
    found: Message | None = old.get(said)
    if found is None or isinstance(found.id, str) is not isinstance(said, str):
        return None
    return found.string or None


def main() -> None:
    """Rewrite every catalog, and say what lacks a translation."""
    for domain in domains():
        for language in LANGUAGES:
            file = domain.file(language)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(renewed(domain, language))
            lacking = [it for it in kept(file, language) if it.id and not done(it)]
            print(f"{file.relative_to(ROOT.parent)}: {len(lacking)} to translate")


def done(message: Message) -> bool:
    """Whether a message has its translation, in every form."""
    strings = message.string
    return all(strings) if isinstance(strings, tuple | list) else bool(strings)


if __name__ == "__main__":
    main()
