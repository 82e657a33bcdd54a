"""Which language an answer is in: as the header wishes, then as is usual (S4-51)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.foundation.languages import choose, wished

OFFERED = ("en", "ar", "de")


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("de", "de"),
        ("DE-at", "de"),
        ("zh-Hant-TW, ar-EG;q=0.4", "ar"),
        ("de;q=0.5, ar", "ar"),
        ("de;q=0.5, ar;q=0.7, en;q=0.6", "ar"),
        ("de;q=0.50, ar;q=0.5", "de"),
        ("fr, *;q=0.5, de;q=0.1", "en"),
        ("*", "en"),
        ("fr", "en"),
        ("", "en"),
        ("en;q=0", "ar"),
        ("en;q=0, ar;q=0.000, *", "de"),
        ("de;q=0, de-AT", "en"),
        ("de;q=2", "en"),
        ("de;q=a, ar", "ar"),
        (";;;,,,=, de", "de"),
        ("en-GB-oed, de", "en"),
    ],
)
def test_the_header_decides(header: str, wanted: str) -> None:
    """RFC 9110, 12.5.4; ranges as RFC 4647, 3.4 looks them up."""
    assert choose(header, (), OFFERED) == wanted


@pytest.mark.parametrize(
    ("header", "otherwise", "wanted"),
    [
        (None, ("ar", "de"), "ar"),
        (None, (None, "de"), "de"),
        (None, ("fr", "de-CH"), "de"),
        (None, (None, None), "en"),
        ("fr", ("de",), "de"),
        ("*", ("de",), "de"),
        ("fr, *;q=0.1", ("ar",), "ar"),
        ("de;q=0", ("de", "ar"), "ar"),
        ("en", ("de",), "en"),
    ],
)
def test_then_the_user_then_the_tenant_then_english(
    header: str | None, otherwise: tuple[str | None, ...], wanted: str
) -> None:
    assert choose(header, otherwise, OFFERED) == wanted


@given(st.text(max_size=200))
def test_whatever_is_sent_one_of_the_offered_comes(header: str) -> None:
    assert choose(header, (), OFFERED) in OFFERED


@given(st.lists(st.tuples(st.sampled_from(["de", "ar", "en"]), st.floats(0, 1))))
def test_no_language_comes_that_another_is_preferred_to(
    wishes: list[tuple[str, float]],
) -> None:
    once = dict(wishes)
    header = ",".join(f"{name};q={quality:.3f}" for name, quality in once.items())
    rounded = {name: float(f"{quality:.3f}") for name, quality in once.items()}
    if max(rounded.values(), default=0):
        assert rounded[choose(header, (), OFFERED)] == max(rounded.values())


def test_a_header_is_looked_at_as_far_as_anybody_reads() -> None:
    assert len(wished(",".join(["de"] * 10_000))) <= 20
