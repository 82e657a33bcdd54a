"""Everything that is said to people is there in every language (S4-51, R35)."""

import ast
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Message
from pydantic_core.core_schema import ErrorType

from insula.kernel.foundation.words import counted, holes
from insula.kernel.resource.wordings import SINGULAR, WORDINGS
from insula.server.build import operations
from tests.house import House
from tools.messages import (
    LANGUAGES,
    ROOT,
    Domain,
    domains,
    done,
    kept,
    messages,
    renewed,
)

EACH = [(domain, language) for domain in domains() for language in LANGUAGES]
PYTHON_ALONE = {
    "no_such_attribute",
    "needs_python_object",
    "get_attribute_error",
    "dataclass_exact_type",
    "default_factory_not_called",
    "iteration_error",
    "frozen_dict_type",
    "ordered_dict_type",
    "counter_type",
    "deque_type",
    "missing_sentinel_error",
    "ellipsis_error",
    "datetime_object_invalid",
    "is_instance_of",
    "is_subclass_of",
    "callable_type",
    "arguments_type",
    "missing_argument",
    "unexpected_keyword_argument",
    "missing_keyword_only_argument",
    "unexpected_positional_argument",
    "missing_positional_only_argument",
    "multiple_argument_values",
    "fraction_type",
    "fraction_parsing",
    "complex_type",
    "complex_str_parsing",
}
"""Findings about Python's objects and calls, which no JSON leads to."""
WORDED_ELSEWHERE = {"value_error", "assertion_error"}


def named(case: tuple[Domain, str]) -> str:
    return f"{case[0].name}-{case[1]}"


def entries(domain: Domain, language: str) -> Iterator[Message]:
    return (it for it in kept(domain.file(language), language) if it.id)


@pytest.mark.parametrize("case", EACH, ids=named)
def test_every_message_has_a_translation(case: tuple[Domain, str]) -> None:
    """S4-51: write what is lacking into the file, or it is told in English."""
    translated = {
        it.id if isinstance(it.id, str) else tuple(it.id)
        for it in entries(*case)
        if done(it)
    }
    assert set(messages(case[0])) - translated == set()


@pytest.mark.parametrize("case", EACH, ids=named)
def test_every_translation_names_the_values_of_its_message(
    case: tuple[Domain, str],
) -> None:
    """A form for one or two may do without the number."""
    for entry in entries(*case):
        text = entry.id if isinstance(entry.id, str) else entry.id[1]
        wanted, number = set(holes(text)), {counted(text)}
        forms = [entry.string] if isinstance(entry.string, str) else entry.string or ()
        for form in forms:
            found = set(holes(form))
            assert found == wanted or (
                found == wanted - number and not isinstance(entry.id, str)
            ), (text, form)
            assert form.format_map(dict.fromkeys(found, 1))


@pytest.mark.parametrize("case", EACH, ids=named)
def test_the_catalogs_are_what_the_code_says(case: tuple[Domain, str]) -> None:
    """Write them anew: python -m tools.messages."""
    domain, language = case
    assert domain.file(language).read_bytes() == renewed(domain, language)


def test_every_finding_of_pydantic_has_our_words() -> None:
    known = set(ErrorType.__args__)  # type: ignore[attr-defined]  # a Literal has them
    wanted = known - PYTHON_ALONE - WORDED_ELSEWHERE
    assert wanted - set(WORDINGS) == set()
    assert set(WORDINGS) - known - {"string_sub_type"} == set()
    for kind, one in SINGULAR.items():
        assert holes(one) == holes(WORDINGS[kind])


def filled_in(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments of a call that are said to people."""
    if isinstance(call.func, ast.Name) and call.func.id == "FieldError":
        yield from call.args[2:3]
    yield from (it.value for it in call.keywords if it.arg == "reason")


def test_no_sentence_has_its_values_put_in_before_it_can_be_found() -> None:
    """An f-string is another text each time: such a sentence is made with ``Words``."""
    api = (it for it in ROOT.rglob("*.py") if not {"cli", "audit"} & set(it.parts))
    for file in sorted(api):
        tree = ast.parse(file.read_text())
        named = {
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.JoinedStr)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        raised = (it.exc for it in ast.walk(tree) if isinstance(it, ast.Raise))
        fields = (it for it in ast.walk(tree) if _is_field_error(it))
        for call in (*raised, *fields):
            for said in filled_in(call) if isinstance(call, ast.Call) else ():
                assert not isinstance(said, ast.JoinedStr), (file, said.lineno)
                unclear = isinstance(said, ast.Name) and said.id in named
                assert not unclear, (file, said.lineno)


def _is_field_error(node: ast.AST) -> bool:
    made = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return made and node.func.id == "FieldError"  # type: ignore[attr-defined]  # asked


def spoken_texts() -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    """Texts that are written in several languages where they are said."""
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Dict) and "en" in map(constant, node.keys):
                said = ast.literal_eval(node)
                whole = {
                    language: texts if isinstance(texts, dict) else {"": texts}
                    for language, texts in said.items()
                }
                yield f"{file.name}:{node.lineno}", whole


def constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def test_texts_beside_the_catalogs_are_in_every_language_too() -> None:
    """Notifications and pages say what they tell where they are declared."""
    found = list(spoken_texts())
    assert len(found) > 3
    for where, said in found:
        assert set(LANGUAGES) <= set(said), where
        for language in LANGUAGES:
            assert said[language].keys() == said["en"].keys(), where
            for name, text in said["en"].items():
                assert set(holes(said[language][name])) == set(holes(text)), where
                assert said[language][name] or not text, where


@pytest.mark.anyio
async def test_every_kind_of_notification_has_a_title_in_every_language(
    house: House,
) -> None:
    apps = house.platform.engine.apps.values()
    kinds = [kind for app in apps for kind in app.notifications]
    assert kinds
    for kind in kinds:
        assert {"en", *LANGUAGES} <= set(kind.titles), kind.name


def test_every_mail_is_there_in_every_language() -> None:
    folders = sorted(ROOT.rglob("locale/en/mail"))
    assert folders
    for folder in folders:
        mine = {it.name for it in folder.iterdir()}
        for language in LANGUAGES:
            there = {
                it.name for it in (folder.parents[1] / language / "mail").iterdir()
            }
            assert mine == there, (folder, language)


@pytest.mark.anyio
async def test_every_problem_that_an_operation_declares_is_translated(
    house: House,
) -> None:
    """Of the platform as it is put together, apps and all."""
    languages = house.platform.languages
    assert languages.offered == ("en", *LANGUAGES)
    declared = {it for each in operations(house.platform) for it in each.errors}
    assert len(declared) > 20
    for language in LANGUAGES:
        catalog = languages.catalog(language)
        assert catalog is not None
        for problem in declared:
            said = dict.fromkeys(holes(problem.template()), 3)
            assert catalog.say(
                problem.template(), "", said
            ) != problem.template().format(**said), problem
