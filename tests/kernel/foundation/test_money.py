"""Money: no minor unit is ever lost or made, whatever is done to it (K3, R15)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.foundation.currencies import CODES, UnknownCurrency, exponent
from insula.kernel.foundation.money import Money, Rounding, WrongMoney, rounded

MINOR = st.integers(-(10**15), 10**15)
WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any)


@given(minor=MINOR, weights=WEIGHTS)
def test_parts_sum_to_the_whole(minor: int, weights: list[int]) -> None:
    parts = [it.minor for it in Money(minor, "EUR").allocate(weights)]
    assert sum(parts) == minor
    exact = [Fraction(minor * it, sum(weights)) for it in weights]
    assert all(abs(a - b) < 1 for a, b in zip(parts, exact, strict=True))


def test_the_largest_remainder_gets_the_odd_cent() -> None:
    parts = Money(100, "EUR").allocate([1, 1, 1])
    assert [it.minor for it in parts] == [34, 33, 33]
    assert [it.minor for it in Money(-100, "EUR").allocate([3, 3, 1])] == [
        -43,
        -43,
        -14,
    ]
    assert [it.minor for it in Money(5, "EUR").allocate([0, 1])] == [0, 5]


@pytest.mark.parametrize("weights", [[], [0, 0], [-1, 2]])
def test_weights_that_divide_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(WrongMoney):
        Money(1, "EUR").allocate(weights)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1054.00", "USD", 105400),
        ("-0.5", "EUR", -50),
        ("7", "JPY", 7),
        ("1.234", "KWD", 1234),
        ("0.0001", "CLF", 1),
    ],
)
def test_a_plain_decimal_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        *[(it, "USD") for it in ("1,054.00", "1.005", "+1", ".5", "1.", "", "NaN")],
        *[(it, "USD") for it in ("1e3", " 1", "\u0661", "9" * 19, "1\n")],
        ("1.0", "JPY"),
    ],
)
def test_what_is_not_plain_is_refused(text: str, currency: str) -> None:
    with pytest.raises(WrongMoney):
        Money.parse(text, currency)


@given(minor=MINOR, currency=st.sampled_from(sorted(CODES)))
def test_what_was_written_is_read_again(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(f"{money.decimal:f}", currency) == money


def test_sums_are_of_one_currency_and_exact_numbers() -> None:
    assert Money(5, "EUR") + Money(6, "EUR") - Money(1, "EUR") == Money(10, "EUR")
    with pytest.raises(WrongMoney):
        Money(5, "EUR") + Money(5, "USD")
    with pytest.raises(UnknownCurrency):
        Money(5, "DEM")
    with pytest.raises(TypeError):
        Money(5, "EUR") * 1.5  # type: ignore[operator]  # on purpose
    with pytest.raises(TypeError):
        Money(True, "EUR")


@pytest.mark.parametrize(
    ("rounding", "up", "down"),
    [
        (Rounding.half_up, 3, -3),
        (Rounding.half_even, 2, -2),
        (Rounding.down, 2, -2),
        (Rounding.up, 3, -3),
    ],
)
def test_a_part_of_a_cent_is_rounded_as_said(
    rounding: Rounding, up: int, down: int
) -> None:
    money = Money(5, "EUR")
    assert money.times(Decimal("0.5"), rounding).minor == up
    assert (-money).times(Fraction(1, 2), rounding).minor == down
    assert rounded(Fraction(7), rounding) == 7


def test_people_see_every_digit_of_the_currency() -> None:
    """CLDR shows AFN without decimals; a sum is shown as it is."""
    assert Money(105400, "USD").format("en") == "$1,054.00"
    assert Money(105400, "EUR").format("de-AT") == "€\xa01.054,00"
    assert Money(7, "JPY").format("en") == "¥7"
    assert "1.234" in Money(1234, "KWD").format("en")
    assert "1.05" in Money(105, "AFN").format("en")
    assert (exponent("EUR"), exponent("JPY"), exponent("KWD")) == (2, 0, 3)
