"""Money: whole minor units of one currency, and sums that never lose one of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from babel import Locale
from babel.numbers import parse_pattern

from insula.kernel.foundation.currencies import exponent, known_currency

Factor = int | Fraction | Decimal
"""What money is multiplied by; a float would not say what it means."""
WRITTEN = re.compile(r"(-?)(\d{1,19})(?:\.(\d{1,19}))?", re.ASCII)
MOST = 2**63 - 1
"""What a column of minor units can hold."""


class WrongMoney(ValueError):
    """The text is no sum of that currency, or two sums do not go together."""


class Rounding(StrEnum):
    """What becomes of a part of a minor unit."""

    half_up = "half_up"
    """To the nearest; from the middle, away from zero: what invoices are used to."""
    half_even = "half_even"
    """To the nearest; from the middle, to the even one."""
    down = "down"
    """Towards zero."""
    up = "up"
    """Away from zero."""


def rounded(exact: Fraction, rounding: Rounding = Rounding.half_up) -> int:
    """A whole number for a fraction of minor units."""
    whole, rest = divmod(abs(exact), 1)
    if rounding is Rounding.up:
        whole += rest > 0
    elif rounding is Rounding.half_up:
        whole += rest >= Fraction(1, 2)
    elif rounding is Rounding.half_even:
        whole += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1)
    return int(whole) if exact >= 0 else -int(whole)


def shares(total: int, weights: Sequence[Factor]) -> list[int]:
    """A whole number in parts by weight that sum to it: the largest remainders first.

    Of equal remainders the earlier one is served first. Raises ``WrongMoney``.
    """
    exact = [Fraction(weight) for weight in weights]
    whole = sum(exact)
    if not exact or min(exact) < 0 or whole == 0:
        raise WrongMoney("weights are zero or more, and not all zero")
    parts = [divmod(abs(total) * weight / whole, 1) for weight in exact]
    found = [int(part) for part, _ in parts]
    order = sorted(range(len(parts)), key=lambda at: (-parts[at][1], at))
    for at in order[: abs(total) - sum(found)]:
        found[at] += 1
    return found if total >= 0 else [-it for it in found]


@dataclass(frozen=True, slots=True)
class Money:
    """So many minor units of a currency: ``Money(1050, "EUR")`` is € 10.50."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is no whole number of minor units, or of no currency."""
        if type(self.minor) is not int:
            raise TypeError("money is a whole number of minor units")
        known_currency(self.currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """The sum that a plain decimal such as ``-1054.5`` means.

        It has no grouping, no sign but a minus and no more digits than the currency
        has; raises ``WrongMoney`` rather than guess.
        """
        match = WRITTEN.fullmatch(text)
        places = exponent(currency)
        if match is None or len(match[3] or "") > places:
            raise WrongMoney(f"write {currency} with up to {places} decimals: 1054.5")
        minor = int(match[2] + (match[3] or "").ljust(places, "0"))
        if minor > MOST:
            raise WrongMoney("that is more than can be kept")
        return cls(-minor if match[1] else minor, currency)

    @property
    def decimal(self) -> Decimal:
        """The same in units of the currency, with all its digits."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"

    def format(self, locale: str) -> str:
        """As people of a language and country write it, such as ``de-AT``."""
        told = Locale.parse(locale.replace("-", "_"))
        pattern = parse_pattern(told.currency_formats["standard"].pattern)
        digits = exponent(self.currency)
        pattern.frac_prec = (digits, digits)
        return str(
            pattern.apply(
                self.decimal, told, currency=self.currency, currency_digits=False
            )
        )

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise WrongMoney(f"{self.currency} and {other.currency} make no sum")
        return other.minor

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __mul__(self, factor: Factor) -> "Money":
        """So many times as much; parts of a minor unit are rounded ``half_up``."""
        return self.times(factor)

    __rmul__ = __mul__

    def times(self, factor: Factor, rounding: Rounding = Rounding.half_up) -> "Money":
        """So many times as much, rounded as it says."""
        if not isinstance(factor, int | Fraction | Decimal):
            raise TypeError("money is multiplied by exact numbers")
        return Money(rounded(self.minor * Fraction(factor), rounding), self.currency)

    def allocate(self, weights: Sequence[Factor]) -> list["Money"]:
        """This in parts by weight, which sum to it exactly."""
        return [Money(it, self.currency) for it in shares(self.minor, weights)]
