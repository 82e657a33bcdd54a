"""The filter language: what is understood, as what, and what never breaks it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insula.kernel.resource.querying.conditions import (
    DEEPEST,
    LONGEST_TEXT,
    MOST_TERMS,
    MOST_VALUES,
    And,
    Comparison,
    Or,
    Tree,
)
from insula.kernel.resource.querying.grammar import parse
from insula.kernel.resource.querying.offer import count
from insula.kernel.resource.querying.problems import BadQuery

VECTORS = json.loads((Path(__file__).parents[1] / "rsql_vectors.json").read_text())
PIECES = st.sampled_from(
    [*"ab1;,()'\"\\ =<>!@~", "==", "=in=", "=out=", "and", " or ", "=isnull=", "a==b"]
)


def plain(tree: Tree) -> Any:
    """A tree as the vectors have it."""
    if isinstance(tree, Comparison):
        return [tree.field, tree.operator, *tree.values]
    name = "and" if isinstance(tree, And) else "or"
    return {name: [plain(part) for part in tree.parts]}


def deep(tree: Tree) -> int:
    """How far its parts go down."""
    return 1 + max(map(deep, tree.parts)) if isinstance(tree, And | Or) else 1


@pytest.mark.parametrize("vector", VECTORS["trees"], ids=lambda it: it["text"])
def test_a_filter_is_read_as_it_is_meant(vector: Any) -> None:
    """S4-29."""
    assert plain(parse(vector["text"])) == vector["tree"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda it: it["text"])
def test_what_is_no_filter_is_refused_with_the_place(vector: Any) -> None:
    with pytest.raises(BadQuery, match=f"character {vector['position']} on"):
        parse(vector["text"])


@settings(max_examples=400)
@given(st.text(max_size=200) | st.lists(PIECES, max_size=60).map("".join))
def test_any_text_is_a_tree_or_refused(text: str) -> None:
    try:
        tree = parse(text)
    except BadQuery:
        return
    assert count(tree) <= MOST_TERMS
    assert deep(tree) <= DEEPEST


@settings(max_examples=200)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_any_value_can_be_said_in_quotes(values: list[str]) -> None:
    quoted = ",".join(
        '"{}"'.format(it.replace("\\", "\\\\").replace('"', '\\"')) for it in values
    )
    assert parse(f"a=in=({quoted})") == Comparison("a", "=in=", tuple(values))


def nested(depth: int) -> str:
    """Comparisons so deep in brackets that are needed."""
    text = "a==1"
    for at in range(depth - 1):
        text = f"a==1{',;'[at % 2]}({text})"
    return text


@pytest.mark.parametrize(
    ("fine", "told"),
    [
        (";".join(["a==1"] * MOST_TERMS), "comparisons"),
        (nested(DEEPEST), "deep"),
        (f"a=in=({','.join('x' * MOST_VALUES)})", "values"),
        (f"a=='{'x' * (LONGEST_TEXT - 5)}'", "characters"),
    ],
)
def test_a_filter_is_bounded(fine: str, told: str) -> None:
    """Promise 15: nor does a deep one cost more than a flat one."""
    parse(fine)
    worse = {
        "comparisons": f"{fine},a==1",
        "deep": nested(DEEPEST + 1),
        "values": fine.replace("(", "(x,"),
        "characters": f"{fine} ",
    }
    with pytest.raises(BadQuery, match=told):
        parse(worse[told])


@pytest.mark.parametrize("sign", "(;,'\"")
def test_a_filter_of_one_sign_alone_is_refused(sign: str) -> None:
    with pytest.raises(BadQuery):
        parse(sign * LONGEST_TEXT)


def test_brackets_that_change_nothing_count_for_nothing() -> None:
    assert parse(f"{'(' * 2000}a==1{')' * 2000}") == Comparison("a", "==", ("1",))
