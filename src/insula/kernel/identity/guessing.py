"""Guessing: how soon somebody would come to a password who tries the likeliest first."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

BOUND = 64
"""Characters that are looked at; whoever guesses these has most of the password."""
PLAIN = str.maketrans("@({[<!|$+%", "accccilstx")
"""Signs that stand for letters: taken for them here, because zxcvbn would try every
combination, for seconds where all of them are there."""


def guesses_for(text: str) -> float:
    """How many guesses come before this one, by zxcvbn's lists and patterns.

    It knows the 30,000 commonest passwords, words, names, dates, walks over the
    keyboard, sequences and repetitions, alone and joined.
    """
    if not text:
        return 0
    return float(_estimator()(text[:BOUND].translate(PLAIN))["guesses"])


@cache
def _estimator() -> Callable[[str], Mapping[str, Any]]:
    """The library, when it is first needed: its lists take 15 MB, which most processes spare."""
    found: Callable[[str], Mapping[str, Any]] = import_module("zxcvbn").zxcvbn
    return found
