"""A body is read within its limits, and its JSON means one thing to every reader."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.foundation.errors import Problem, TooLarge
from insula.kernel.http.body import (
    BodyCut,
    BodyGuard,
    BodyStalled,
    DuplicateKey,
    MalformedJson,
    NotADocument,
    NulInText,
    TooDeep,
    check_json,
    read_body,
)

from .exchange import body_messages, exchange, http_scope


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def read(
    incoming: list[Any], *, limit: int = 10, timeout: float = 5, outer: int = 0
) -> Any:
    """What read_body makes of the messages, under a front's guard if `outer` says so."""
    bodies = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        source = BodyGuard(receive, outer, 0.01) if outer else receive
        bodies.append(await read_body(source, limit=limit, timeout=timeout))

    await exchange(app, http_scope(), incoming)
    return bodies[0]


@pytest.mark.anyio
async def test_a_body_within_its_limit_is_read_whole() -> None:
    assert await read(body_messages(b"")) == b""
    assert await read([{"type": "http.request"}]) == b""
    assert await read(body_messages(b"0123456789")) == b"0123456789"
    assert await read(body_messages(b"01234", b"", b"56789")) == b"0123456789"


@pytest.mark.anyio
async def test_one_byte_too_many_is_too_large() -> None:
    with pytest.raises(TooLarge):
        await read(body_messages(b"01234567890"))
    with pytest.raises(TooLarge):
        await read(body_messages(b"01234", b"567890", b"never read"))


@pytest.mark.anyio
async def test_a_body_that_stalls_or_breaks_off_ends_the_wait() -> None:
    begun = body_messages(b"0", b"1")[:1]
    with pytest.raises(BodyStalled):
        await read(begun, timeout=0.01)
    with pytest.raises(BodyCut):
        await read([*begun, {"type": "http.disconnect"}])


@pytest.mark.anyio
async def test_a_reader_with_limits_of_its_own_replaces_the_fronts() -> None:
    assert await read(body_messages(b"0123", b"4567"), outer=2) == b"01234567"
    with pytest.raises(TooLarge):
        await read(body_messages(b"0123", b"4567"), limit=5, outer=100)


@pytest.mark.anyio
async def test_after_the_body_one_may_wait_for_the_disconnect() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        guard = BodyGuard(receive, 10, 0)
        await read_body(guard, limit=10, timeout=5)
        seen.append(await guard())

    await exchange(
        app, http_scope(), [*body_messages(b"a"), {"type": "http.disconnect"}]
    )
    assert seen == [{"type": "http.disconnect"}]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", MalformedJson),
        (b"{", MalformedJson),
        (b'{"a":1} {}', MalformedJson),
        (b'{"a":NaN}', MalformedJson),
        (b"[Infinity]", MalformedJson),
        (b"[-Infinity]", MalformedJson),
        (b"[1e999]", MalformedJson),
        (b"[" + b"1" * 10_000 + b"]", MalformedJson),
        (b'["\xff"]', MalformedJson),
        (b'["\xed\xa0\x80"]', MalformedJson),
        (b'["\\ud800"]', MalformedJson),
        (b'["\\udc00\\ud800"]', MalformedJson),
        (b'{"\\ud800":1}', MalformedJson),
        (b'["\x00"]', MalformedJson),
        (b"\xef\xbb\xbf{}", MalformedJson),
        (b'{"a":1,}', MalformedJson),
        (b'"text"', NotADocument),
        (b"null", NotADocument),
        (b'["a\\u0000b"]', NulInText),
        (b'{"a":[{"b\\u0000":1}]}', NulInText),
        (b'{"a":1,"a":1}', DuplicateKey),
        (b'{"a":1, "\\u0061" :2}', DuplicateKey),
        (b'[{"b":{"a":":","a":"\\":"}}]', DuplicateKey),
    ],
)
def test_json_that_could_trip_something_is_refused(
    body: bytes, problem: type[Problem]
) -> None:
    with pytest.raises(problem):
        check_json(body)


def test_what_merely_looks_dangerous_passes() -> None:
    body = (
        b'{"a":"\\\\u0000","b":"x\\":y","c":":","d" : 12345678901234567890123,'
        b'"e":"\\ud83d\\ude00"}'
    )
    assert check_json(body) == json.loads(body)
    assert check_json(json.dumps(["[{" * 500, '"[' * 500]).encode()) == [
        "[{" * 500,
        '"[' * 500,
    ]
    assert check_json(json.dumps(["\\", "[" * 500]).encode()) == ["\\", "[" * 500]
    many = [{"a": [1]}] * 1000
    assert check_json(json.dumps(many, indent=1).encode()) == many


@pytest.mark.parametrize("kinds", ["[", "{", "[{", "{{["])
@pytest.mark.parametrize("siblings", ["", '[],{"c":"\\"["},' * 50])
def test_depth_is_counted_exactly(kinds: str, siblings: str) -> None:
    def nested(depth: int) -> bytes:
        core = "1"
        for level in range(depth - 1):
            core = (
                f"[{core}]" if kinds[level % len(kinds)] == "[" else f'{{"a":{core}}}'
            )
        return f"[{siblings}{core}]".encode()

    assert check_json(nested(64))
    for depth in (65, 66, 129, 5000):
        with pytest.raises(TooDeep):
            check_json(nested(depth))


def test_a_body_of_brackets_alone_never_exhausts_the_stack() -> None:
    for body in (
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[{" * 50_000,
        b"]" * 1000 + b"[" * 100_000,
    ):
        with pytest.raises((TooDeep, MalformedJson)):
            check_json(body)


def strict(body: bytes) -> Any:
    """The standard library's reading of a body, with our additional rules."""

    def refuse(_: object) -> None:
        raise ValueError

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError
        return dict(pairs)

    document = json.loads(
        body.decode("utf-8"), parse_constant=refuse, object_pairs_hook=distinct
    )
    text = json.dumps(document, ensure_ascii=False)
    text.encode("utf-8")
    if not isinstance(document, dict | list) or "\\u0000" in text.replace("\\\\", ""):
        raise ValueError
    return document


WORDS = rb"""{ } [ ] " : , "a": "b":1 1 -0.5 NaN null \ \u0000 \ud83d \ude00 {"a":[ ]}""".split()
TOKENS = st.sampled_from([*WORDS, b" ", b"\n", b"\xc3\xa9", b"\xff"])
TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    LEAVES | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=80,
)


@given(st.one_of(st.lists(TOKENS, max_size=25).map(b"".join), st.binary(max_size=60)))
def test_any_bytes_are_decoded_or_refused_as_a_strict_reader_would(body: bytes) -> None:
    try:
        expected = strict(body)
    except ValueError:
        with pytest.raises(Problem):
            check_json(body)
    else:
        assert check_json(body) == expected


@given(
    st.lists(VALUES, max_size=4) | st.dictionaries(TEXT, VALUES),
    st.booleans(),
    st.booleans(),
)
def test_every_valid_document_is_read_as_json_loads_reads_it(
    document: Any, ascii_only: bool, indented: bool
) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=2 if indented else None)
    assert check_json(text.encode()) == json.loads(text)
