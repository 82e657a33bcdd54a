"""Highlights show why a row was found, and nothing of a text is ever markup."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.resource.searching.highlights import LONGEST, highlights


@pytest.mark.parametrize(
    ("asked", "text", "expected"),
    [
        ("jo", "John", [("Jo", True), ("hn", False)]),
        ("strasse", "Müller-Straße", [("Müller-", False), ("Straße", True)]),
        ("muh", "Mu\u0308hle", [("Mu\u0308h", True), ("le", False)]),
        ("احمد", "مُحَمَّد أَحمد", [("مُحَمَّد ", False), ("أَحمد", True)]),
        ("boielr", "A boiler", [("A ", False), ("boiler", True)]),
        ("b", "<b>", [("<", False), ("b", True), (">", False)]),
        ("a b", "b a", [("b", True), (" ", False), ("a", True)]),
    ],
)
def test_the_parts_that_match_are_marked(
    asked: str, text: str, expected: list[tuple[str, bool]]
) -> None:
    assert highlights(asked, {"name": text}) == {"name": expected}


def test_a_long_text_is_shown_around_its_match() -> None:
    [pieces] = highlights("pump", {"text": "word " * 500 + "pump " * 9}).values()
    shown = "".join(text for text, _ in pieces)
    assert len(shown) <= LONGEST
    assert ("pump", True) in pieces


def test_what_does_not_match_is_left_out() -> None:
    texts = {"name": "Pump", "tag": "X", "serial": None}
    assert list(highlights("pump", texts)) == ["name"]
    assert highlights("zebra", texts) == highlights("", texts) == {}


@given(asked=st.text(max_size=30), text=st.text(max_size=LONGEST))
def test_the_pieces_of_any_text_are_the_text(asked: str, text: str) -> None:
    for pieces in highlights(asked, {"name": text}).values():
        assert "".join(piece for piece, _ in pieces) == text
        assert any(matches for _, matches in pieces)
