"""Highlights: which parts of a row's texts are why a search has found it.

A text comes in pieces, each with whether it matches, ``[["Jo", true], ["hn", false]]``:
there is no markup in it that anybody could have put there themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from insula.kernel.database.folding import fold, letters
from insula.kernel.database.search_functions import ALIKE, MOST_WORDS

BEFORE, LONGEST = 40, 160
"""Characters of a long text that are shown, and how many of them before the match."""

Pieces = list[tuple[str, bool]]


class Token(NamedTuple):
    """A word of a text: where it lies, and what it is when it is compared."""

    start: int
    end: int
    parts: tuple[str, ...]
    """What each of its characters is then."""

    @property
    def word(self) -> str:
        """The word as it is compared."""
        return "".join(self.parts)

    def reach(self, size: int) -> int:
        """Where in the text so many compared letters end."""
        seen, at = 0, 0
        while at < len(self.parts) and (seen < size or not self.parts[at]):
            seen += len(self.parts[at])
            at += 1
        return self.start + at


def highlights(asked: str, texts: Mapping[str, object]) -> dict[str, Pieces]:
    """The pieces of those texts in which something was found, by their names."""
    words = fold(asked).split()[:MOST_WORDS]
    found = {
        name: (it, tokens(it)) for name, it in texts.items() if isinstance(it, str)
    }
    for mark in (_begun, _alike):
        marked = {
            name: _pieces(text, spans)
            for name, (text, every) in found.items()
            if (spans := _spans(every, words, mark))
        }
        if marked:
            return marked
    return {}


def tokens(text: str) -> list[Token]:
    """The words of a text."""
    found, parts, start = list[Token](), list[str](), 0
    for at, part in enumerate((*letters(text), " ")):
        if " " not in part:
            parts.append(part)
            continue
        if any(parts):
            found.append(Token(start, at, tuple(parts)))
        parts, start = [], at + 1
    return found


Mark = Callable[[Token, str], int | None]
"""Where in the text the part of a word ends that matches another word."""


def _begun(token: Token, word: str) -> int | None:
    return token.reach(len(word)) if token.word.startswith(word) else None


def _alike(token: Token, word: str) -> int | None:
    return token.end if similarity(word, token.word) >= ALIKE else None


def similarity(word: str, other: str) -> float:
    """The share of one word's three-letter parts that the other has."""
    mine, theirs = _parts(word), _parts(other)
    return len(mine & theirs) / len(mine)


def _parts(word: str) -> set[str]:
    padded = f"  {word} "
    return {padded[at : at + 3] for at in range(len(padded) - 2)}


def _spans(
    every: Sequence[Token], words: Sequence[str], mark: Mark
) -> list[tuple[int, int]]:
    found = []
    for token in every:
        ends = [end for word in words if (end := mark(token, word)) is not None]
        if ends:
            found.append((token.start, max(ends)))
    return found


def _pieces(text: str, spans: Sequence[tuple[int, int]]) -> Pieces:
    start = max(0, spans[0][0] - BEFORE) if len(text) > LONGEST else 0
    last = start + LONGEST if len(text) > LONGEST else len(text)
    pieces, at = Pieces(), start
    for begin, end in spans:
        if begin >= last:
            break
        pieces += [(text[at:begin], False), (text[begin : min(end, last)], True)]
        at = min(end, last)
    pieces.append((text[at:last], False))
    return [piece for piece in pieces if piece[0]]
