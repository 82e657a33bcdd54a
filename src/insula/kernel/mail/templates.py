"""Templates: what mails say, in the language of whoever reads them.

A template ``<owner>.<name>`` is three files of a package's locale folder, one set a
language: ``<language>/mail/<name>.subject.j2``, ``.txt.j2`` and ``.html.j2``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateError, meta
from jinja2.exceptions import SecurityError, TemplateNotFound
from jinja2.runtime import BlockReference, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from insula.kernel.mail.address import spoken

LAST_LANGUAGE = "en"
"""What is written where nothing nearer is there: every template has it."""
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
NAME = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)")
PARTS = ("subject", "txt", "html")
LAYOUT = "layout.html.j2"
GIVEN = frozenset({"language", "direction", "platform"})
"""What every template may use without being given it."""
FILTERS = frozenset(
    [
        "capitalize",
        "default",
        "e",
        "escape",
        "first",
        "forceescape",
        "int",
        "join",
        "last",
        "length",
        "lower",
        "replace",
        "round",
        "safe",
        "string",
        "striptags",
        "title",
        "trim",
        "truncate",
        "upper",
        "urlencode",
        "wordwrap",
    ]
) - {"safe", "replace"}
"""Those that neither leave the sandbox nor make much of little."""


class UnknownTemplate(LookupError):
    """No package brings a template of that name: a fault of the program."""


class BadTemplate(ValueError):
    """A template cannot be rendered with what it was given; the message says why."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 in which a template sees values alone: no attribute, no call, no method.

    A dot reads a mapping's key. So a template can do no more than its values say,
    whoever wrote it.
    """

    intercepted_binops = frozenset({"*", "**", "%"})

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002  # of the base
        """Whether a template may read it: what a loop tells of itself, nothing else."""
        return isinstance(obj, LoopContext) and not attr.startswith("_")

    def is_safe_callable(self, obj: Any) -> bool:
        """Whether a template may call it: a block of its own layout, nothing else."""
        return isinstance(obj, BlockReference)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What stands behind a dot."""
        if isinstance(obj, Mapping):
            return (
                obj[attribute] if attribute in obj else self.undefined(name=attribute)
            )
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse the operators that make a long text of a short one."""
        if not isinstance(left, int) or not isinstance(right, int) or operator == "**":
            raise SecurityError(f"the operator {operator} is for small numbers")
        return super().call_binop(context, operator, left, right)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a mail says."""

    subject: str
    text: str
    html: str


class Templates:
    """Finds and renders the templates of all packages.

    ``folders`` are the packages' locale folders by their owner's name.
    """

    def __init__(
        self, folders: Mapping[str, Path], *, platform: str = "Insula"
    ) -> None:
        self._folders, self._platform = dict(folders), platform
        self._sandbox = _sandbox(_Loader(self._path))

    def render(self, name: str, language: str, values: Mapping[str, Any]) -> Rendered:
        """What the mail says, in the nearest language that the template has.

        Raises ``UnknownTemplate``, and ``BadTemplate`` for a value that is missing.
        """
        nearest = self.nearest(name, language)
        given = {
            **values,
            "language": nearest,
            "direction": direction(nearest),
            "platform": self._platform,
        }
        subject, text, html = (
            self._part(f"{nearest}/{name}.{part}", given) for part in PARTS
        )
        return Rendered(spoken(subject), text.strip() + "\n", html)

    def _part(self, path: str, values: Mapping[str, Any]) -> str:
        try:
            return self._sandbox.get_template(path).render(values)
        except (TemplateError, TypeError, ArithmeticError) as error:
            raise BadTemplate(f"{path}: {error}") from None

    def nearest(self, name: str, language: str) -> str:
        """The language of the template that is nearest to the wanted one."""
        for each in fallbacks(language):
            if self._path(f"{each}/{name}.txt") is not None:
                return each
        raise UnknownTemplate(name)

    def names(self) -> list[str]:
        """Every template there is, by name."""
        ends = f".{PARTS[0]}.j2"
        return sorted(
            f"{owner}.{path.name.removesuffix(ends)}"
            for owner, folder in self._folders.items()
            for path in folder.glob(f"{LAST_LANGUAGE}/mail/*{ends}")
        )

    def variables(self, name: str, language: str) -> frozenset[str]:
        """The values that a template asks for in one language; all parts together."""
        found: set[str] = set()
        for part in PARTS:
            path = self._path(f"{language}/{name}.{part}")
            if path is None:
                raise UnknownTemplate(f"{name} in {language}: {part}")
            found |= meta.find_undeclared_variables(
                self._sandbox.parse(path.read_text())
            )
        return frozenset(found) - GIVEN

    def _path(self, template: str) -> Path | None:
        language, _, file = template.partition("/")
        name, _, part = file.rpartition(".")
        known = NAME.fullmatch(name)
        folder = self._folders.get(known[1]) if known else None
        if known is None or folder is None or not LANGUAGE.fullmatch(language):
            return None
        path = folder / language / "mail" / f"{known[2]}.{part}.j2"
        return path if part in PARTS and path.is_file() else None


class _Loader(BaseLoader):
    """Gives Jinja2 the files of templates, and the one layout that all share."""

    def __init__(self, find: Callable[[str], Path | None]) -> None:
        self._find = find

    def get_source(
        self,
        environment: Environment,  # noqa: ARG002  # of the base
        template: str,
    ) -> tuple[str, str, Callable[[], bool]]:
        """The text of a template."""
        is_layout = template == LAYOUT
        path = Path(__file__).parent / LAYOUT if is_layout else self._find(template)
        if path is None:
            raise TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), str(path), lambda: True


def _sandbox(loader: BaseLoader) -> Sandbox:
    made = Sandbox(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith((".html", LAYOUT)),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in FILTERS}
    return made


def direction(language: str) -> str:
    """In which direction the language is written."""
    return "rtl" if language.partition("-")[0] in RIGHT_TO_LEFT else "ltr"


def fallbacks(language: str) -> Iterator[str]:
    """The language, then ever less special ones, then the last: de-AT, de, en."""
    wanted = language.replace("_", "-")
    if LANGUAGE.fullmatch(wanted):
        yield from _wider(wanted)
    yield LAST_LANGUAGE


def _wider(language: str) -> Iterable[str]:
    while language:
        yield language
        language = language.rpartition("-")[0]
