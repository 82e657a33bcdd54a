"""Taxes: what is net, tax and gross of each line, so that every sum is exact."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from insula.kernel.foundation.money import Money, Rounding, rounded

Rate = int | Decimal | Fraction
"""In percent: ``Decimal("19")``, ``Decimal("7.7")``."""


class Prices(StrEnum):
    """Whether the amounts of lines are without or with their tax."""

    exclusive = "exclusive"
    inclusive = "inclusive"


class TaxRounding(StrEnum):
    """Where tax is rounded: laws differ, and so do the cents."""

    per_line = "per_line"
    per_rate = "per_rate"


@dataclass(frozen=True, slots=True)
class Taxed:
    """An amount with its tax: ``net + tax == gross``, always."""

    net: Money
    tax: Money

    @property
    def gross(self) -> Money:
        """What is paid."""
        return self.net + self.tax

    def __add__(self, other: "Taxed") -> "Taxed":
        return Taxed(self.net + other.net, self.tax + other.tax)


@dataclass(frozen=True, slots=True)
class TaxSheet:
    """The lines in their order, and the sums by rate's name and of all."""

    lines: tuple[Taxed, ...]
    rates: Mapping[str, Taxed]
    total: Taxed


def tax_lines(
    lines: Sequence[tuple[Money, str]],
    rates: Mapping[str, Rate],
    *,
    prices: Prices = Prices.exclusive,
    per: TaxRounding = TaxRounding.per_rate,
    rounding: Rounding = Rounding.half_up,
) -> TaxSheet:
    """Work out the tax of lines, each an amount and the name of its rate.

    ``per_line`` rounds each line's tax. ``per_rate`` rounds once for all lines of a
    rate and shares that out to them, those that lost most first. Raises ``KeyError``
    for a rate that is not named, ``ValueError`` for no line at all.
    """
    if not lines:
        raise ValueError("there is nothing to tax")
    exact = [_exact_tax(amount, rates[name], prices) for amount, name in lines]
    taxes = [rounded(it, rounding) for it in exact]
    if per is TaxRounding.per_rate:
        for at, tax in _shared_out(lines, exact, rounding):
            taxes[at] = tax
    made = [
        _taxed(amount, tax, prices)
        for (amount, _), tax in zip(lines, taxes, strict=True)
    ]
    sums: dict[str, Taxed] = {}
    for (_, name), line in zip(lines, made, strict=True):
        sums[name] = sums[name] + line if name in sums else line
    total, *rest = sums.values()
    for each in rest:
        total = total + each
    return TaxSheet(tuple(made), sums, total)


def _exact_tax(amount: Money, rate: Rate, prices: Prices) -> Fraction:
    percent = Fraction(rate)
    if percent < 0:
        raise ValueError("a rate of tax is not negative")
    base = 100 if prices is Prices.exclusive else 100 + percent
    return amount.minor * percent / base


def _shared_out(
    lines: Sequence[tuple[Money, str]], exact: Sequence[Fraction], rounding: Rounding
) -> list[tuple[int, int]]:
    """Whole taxes by line, whose sum for each rate is that of the rate, rounded once."""
    of_rate: dict[str, list[int]] = defaultdict(list)
    for at, (_, name) in enumerate(lines):
        of_rate[name].append(at)
    found: dict[int, int] = {}
    for places in of_rate.values():
        whole = rounded(sum((exact[at] for at in places), Fraction()), rounding)
        floors = {at: int(exact[at] // 1) for at in places}
        missing = whole - sum(floors.values())
        by_loss = sorted(places, key=lambda at: (floors[at] - exact[at], at))
        each, more = divmod(missing, len(places))
        found.update((at, floors[at] + each) for at in places)
        for at in by_loss[:more]:
            found[at] += 1
    return sorted(found.items())


def _taxed(amount: Money, tax: int, prices: Prices) -> Taxed:
    part = Money(tax, amount.currency)
    net = amount if prices is Prices.exclusive else amount - part
    return Taxed(net, part)
