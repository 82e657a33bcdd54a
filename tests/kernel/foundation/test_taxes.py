"""Taxes: net and tax are the gross, line by line, rate by rate and in all (K3)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.foundation.money import Money
from insula.kernel.foundation.taxes import Prices, Rate, TaxRounding, tax_lines

RATES: dict[str, Rate] = {"full": Decimal(19), "low": Decimal("7.7"), "none": 0}
LINES = st.lists(
    st.tuples(
        st.integers(-(10**9), 10**9).map(lambda it: Money(it, "EUR")),
        st.sampled_from(sorted(RATES)),
    ),
    min_size=1,
    max_size=30,
)


@given(lines=LINES, prices=st.sampled_from(Prices), per=st.sampled_from(TaxRounding))
def test_every_sum_is_exact(
    lines: list[tuple[Money, str]], prices: Prices, per: TaxRounding
) -> None:
    sheet = tax_lines(lines, RATES, prices=prices, per=per)
    given_ = sum(it.minor for it, _ in lines)
    kept = sheet.total.net if prices is Prices.exclusive else sheet.total.gross
    assert kept.minor == given_
    assert sum(it.tax.minor for it in sheet.lines) == sheet.total.tax.minor
    for name, whole in sheet.rates.items():
        mine = [
            it for it, (_, rate) in zip(sheet.lines, lines, strict=True) if rate == name
        ]
        assert sum(it.tax.minor for it in mine) == whole.tax.minor


@given(lines=LINES, prices=st.sampled_from(Prices))
def test_no_line_is_off_by_a_whole_cent(
    lines: list[tuple[Money, str]], prices: Prices
) -> None:
    sheet = tax_lines(lines, RATES, prices=prices)
    for (amount, name), line in zip(lines, sheet.lines, strict=True):
        percent = Fraction(RATES[name])
        base = 100 if prices is Prices.exclusive else 100 + percent
        assert abs(line.tax.minor - amount.minor * percent / base) <= 1


@pytest.mark.parametrize(
    ("per", "taxes"),
    [(TaxRounding.per_line, [2, 2, 2]), (TaxRounding.per_rate, [2, 2, 1])],
)
def test_three_small_lines_tell_the_roundings_apart(
    per: TaxRounding, taxes: list[int]
) -> None:
    """3 x 0.08 at 19 % is 0.0456: 0.06 line by line, 0.05 in all."""
    lines = [(Money(8, "EUR"), "full")] * 3
    assert [it.tax.minor for it in tax_lines(lines, RATES, per=per).lines] == taxes


def test_a_shop_price_contains_its_tax() -> None:
    """119.00 with 19 % is 100.00 and 19.00."""
    lines = [(Money(11900, "EUR"), "full")]
    (line,) = tax_lines(lines, RATES, prices=Prices.inclusive).lines
    assert (line.net.minor, line.tax.minor, line.gross.minor) == (10000, 1900, 11900)


def test_what_has_no_tax_to_work_out_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        tax_lines([], RATES)
    with pytest.raises(KeyError):
        tax_lines([(Money(1, "EUR"), "other")], RATES)
    with pytest.raises(ValueError, match="negative"):
        tax_lines([(Money(1, "EUR"), "odd")], {"odd": -1})
