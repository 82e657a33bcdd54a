"""Grammar: the text of a filter as a tree.

RSQL: ``state==open;(priority=ge=4,due_at=lt=@now)``, where ``;`` and ``,`` may be
written ``and`` and ``or``. Values with spaces or signs of the language stand in
quotes, in which a backslash takes the next character as it is.
"""

import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, VisitError

from insula.kernel.foundation.words import Words
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
from insula.kernel.resource.querying.problems import BadQuery, clipped

RSQL = r"""
start: either
either: every (("," | _OR) every)*
every: unit ((";" | _AND) unit)*
?unit: comparison | "(" either ")"
comparison: FIELD SIGN value    -> single
    | FIELD MANY "(" value ("," value)* ")" -> several
value: BARE -> bare | QUOTED -> quoted

_OR: /or(?=[\s(])/
_AND: /and(?=[\s(])/
FIELD: /[A-Za-z_][A-Za-z0-9_.]{0,127}/
SIGN: "==" | "!=" | "=isnull=" | "=prefix="
    | "=lt=" | "=le=" | "=gt=" | "=ge=" | "<=" | ">=" | "<" | ">"
MANY: "=in=" | "=out="
BARE: /[^"'();,=<>!~\s]+/
QUOTED: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/s
%ignore /[ \t]+/
"""
ALIKE = {"<": "=lt=", "<=": "=le=", ">": "=gt=", ">=": "=ge="}
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
REMEMBERED = 1024
"""Filters that are kept as trees: they are texts, and belong to nobody."""
LONGEST_REMEMBERED = 512


class Piece(NamedTuple):
    """A part of a tree, and how much it is already."""

    tree: Tree
    terms: int = 1
    depth: int = 1


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Makes the tree while it is read: nothing recurses into what a caller wrote."""

    def start(self, piece: Piece) -> Piece:
        """The whole."""
        return piece

    def bare(self, token: Token) -> str:
        """A value as it stands."""
        return str(token)

    def quoted(self, token: Token) -> str:
        """A value without its quotes."""
        return ESCAPED.sub(r"\1", token[1:-1])

    def single(self, field: Token, sign: Token, value: str) -> Piece:
        """A comparison with one value."""
        operator = ALIKE.get(sign, str(sign))
        return Piece(Comparison(str(field), operator, (value,)))

    def several(self, field: Token, sign: Token, *values: str) -> Piece:
        """A comparison with many values."""
        if len(values) > MOST_VALUES:
            words = Words("at most {limit} values in a list", limit=MOST_VALUES)
            raise BadQuery(reason=words)
        return Piece(Comparison(str(field), str(sign), values))

    def every(self, *pieces: Piece) -> Piece:
        """All of some parts."""
        return _joined(And, pieces)

    def either(self, *pieces: Piece) -> Piece:
        """One of some parts."""
        return _joined(Or, pieces)


def _joined(kind: type[And] | type[Or], pieces: tuple[Piece, ...]) -> Piece:
    """Parts as one; those that are joined alike already become parts of the whole."""
    if len(pieces) == 1:
        return pieces[0]
    terms, parts, depth = sum(it.terms for it in pieces), list[Tree](), 0
    for piece in pieces:
        alike = isinstance(piece.tree, kind)
        parts += piece.tree.parts if isinstance(piece.tree, kind) else (piece.tree,)
        depth = max(depth, piece.depth - alike)
    refuse_many(terms)
    if depth >= DEEPEST:
        words = Words("brackets go {limit} deep at most", limit=DEEPEST)
        raise BadQuery(reason=words)
    return Piece(kind(tuple(parts)), terms, depth + 1)


def refuse_many(terms: int) -> None:
    """Refuse more comparisons than one question may have."""
    if terms > MOST_TERMS:
        raise BadQuery(reason=Words("at most {limit} comparisons", limit=MOST_TERMS))


@cache
def _reader() -> Lark:
    """Made when the first filter comes, not when a command that has none starts."""
    return Lark(RSQL, parser="lalr", transformer=_Builder())


def parse(text: str) -> Tree:
    """The tree of a filter; raises ``BadQuery``."""
    if len(text) > LONGEST_TEXT:
        words = Words("a filter has at most {limit} characters", limit=LONGEST_TEXT)
        raise BadQuery(reason=words)
    return _kept(text) if len(text) <= LONGEST_REMEMBERED else _parsed(text)


def _parsed(text: str) -> Tree:
    try:
        piece: Any = _reader().parse(text)
    except VisitError as error:  # what the builder refuses comes wrapped
        if isinstance(error.orig_exc, BadQuery):
            raise error.orig_exc from None
        raise
    except UnexpectedInput as error:
        raise BadQuery(reason=_fault(text, error)) from None
    return piece.tree  # type: ignore[no-any-return]  # lark is untyped here


_kept = lru_cache(REMEMBERED)(_parsed)


def _fault(text: str, error: UnexpectedInput) -> Words:
    """Where it is no comparison."""
    ended = getattr(getattr(error, "token", None), "type", "") == "$END"
    at: int = len(text) if ended else getattr(error, "pos_in_stream", 0)
    return Words(
        "'{text}' is no comparison such as state==down; it is not understood from"
        " character {position} on",
        text=clipped(text),
        position=at + 1,
    )
