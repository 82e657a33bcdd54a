"""Identifiers: the words by which a person is known are found however they are written."""

import json

import pytest

from insula.kernel.database.columns import Holds
from insula.kernel.services.privacy.identifiers import (
    Redactor,
    identifiers,
    of_words,
)
from tests.kernel.services.privacy.canaries import (
    ADDRESS_V4,
    ADDRESS_V6,
    AGENT,
    ALSO,
    CANARIES,
    EMAIL,
    NAME,
    tells,
)

KNOWN = identifiers(
    [
        (Holds.name, NAME),
        (Holds.email, EMAIL),
        (Holds.network, ADDRESS_V4),
        (Holds.network, ADDRESS_V6),
        (Holds.network, AGENT),
    ]
) | of_words(ALSO)


@pytest.mark.parametrize("canary", CANARIES)
def test_a_person_leaves_texts_and_documents(canary: str) -> None:
    """S4-21: every way of writing goes, and all around it stays."""
    redactor = Redactor(KNOWN)
    document = json.dumps({"a": [f"by {canary}!", 1.50], canary: None})
    assert tells(canary)
    assert not tells(redactor.text(f"before ({canary}) after"))
    assert redactor.text(f"before ({canary}) after").startswith("before (")
    clean = redactor.document(document)
    assert not tells(clean)
    assert json.loads(clean)["a"][1] == 1.5


@pytest.mark.parametrize(
    "text", ["Mariana rang", "zofiazofia", "498.51.100.77x", "mar ia", "1517654"]
)
def test_longer_words_are_other_words(text: str) -> None:
    assert Redactor(KNOWN).text(text) == text


def test_what_is_no_name_and_no_number_takes_nothing_else_away() -> None:
    """A field for phones may hold any text, and one for names an address."""
    odd = [(Holds.phone, "ask at the desk"), (Holds.name, "mia@post.test")]
    text = "This is a test: call 12, or post a letter."
    assert Redactor(identifiers(odd)).text(text) == text


def test_short_words_are_not_looked_for() -> None:
    known = identifiers(
        [(Holds.name, "Jo de Li"), (Holds.secret, "hash"), (Holds.birth, "1990")]
    )
    assert {it.text for it in known} == {"Jo de Li"}


def test_personal_fields_of_an_own_document_go_whatever_they_hold() -> None:
    redactor = Redactor((), keys=("birth", "email"))
    written = '{"birth": ["1990-01-01", null], "email": 7, "other": "1990-01-01"}'
    assert redactor.own_document(written) == (
        '{"birth": "[erased]", "email": "[erased]", "other": "1990-01-01"}'
    )


def test_numbers_of_a_document_stay_as_they_were() -> None:
    exact = '{"n": 1.000000000000000000001, "x": "Zofia"}'
    assert Redactor(KNOWN).document(exact) == (
        '{"n": 1.000000000000000000001, "x": "[erased]"}'
    )
