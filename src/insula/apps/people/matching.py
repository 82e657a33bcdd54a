"""Matching: how sure it is that two records are of one person. Pure, no session.

Each field that both have is evidence for or against (Fellegi and Sunter): it adds
weight when it agrees, less when it nearly does, and takes some when it does not. What
is missing says nothing. Given and family names may have been swapped.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from math import exp

SURE, LIKELY = 0.9, 0.5
"""From when two records are called one person; from when somebody should look."""
PRIOR = -9.0
"""How unlikely it is that two of them are the same before anything is known."""
PREFIX, PULL = 4, 0.1


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a person, as far as it tells people apart."""

    name: str = ""
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    phone: str = ""
    street: str = ""
    suburb: str = ""
    postcode: str = ""
    region: str = ""
    birth_date: date | None = None

    @property
    def names(self) -> tuple[str, str]:
        """Given and family name; the first and last word where only the whole is known."""
        if self.given_name or self.family_name:
            return plain(self.given_name), plain(self.family_name)
        words = plain(self.name).split()
        return (" ".join(words[:-1]), words[-1]) if words else ("", "")


@dataclass(frozen=True, slots=True)
class Scale:
    """What a field's likeness is worth: steps from the best, then what it takes away."""

    steps: tuple[tuple[float, float], ...]
    otherwise: float

    def weigh(self, likeness: float) -> float:
        """The weight of a likeness between 0 and 1."""
        return next((w for least, w in self.steps if likeness >= least), self.otherwise)


GIVEN = Scale(((0.93, 4.0), (0.8, 2.0)), -2.5)
FAMILY = Scale(((0.93, 6.0), (0.8, 3.0)), -3.5)
BIRTH = Scale(((1.0, 9.0), (0.87, 5.5), (0.74, 1.0)), -4.0)
STREET = Scale(((0.95, 6.0), (0.85, 4.0), (0.75, 1.5)), -1.5)
SUBURB = Scale(((0.95, 3.5), (0.85, 2.0)), -1.0)
POSTCODE = Scale(((1.0, 4.0), (0.74, 2.0)), -1.5)
REGION = Scale(((1.0, 0.7),), -0.7)
EMAIL = Scale(((1.0, 10.0),), -0.5)
PHONE = Scale(((1.0, 8.0),), -0.5)
SWAPPED = -1.0


def plain(text: str) -> str:
    """Letters and digits in lower case, in words with one space between them."""
    kept = (it if it.isalnum() else " " for it in text.casefold())
    return " ".join("".join(kept).split())


def similarity(one: str, two: str) -> float:
    """How alike two words are written, from 0 to 1 (Jaro and Winkler)."""
    if one == two:
        return 1.0
    jaro = _jaro(one, two)
    common = 0
    while common < min(PREFIX, len(one), len(two)) and one[common] == two[common]:
        common += 1
    return jaro + common * PULL * (1 - jaro)


def _jaro(one: str, two: str) -> float:
    reach = max(len(one), len(two)) // 2 - 1
    taken: set[int] = set()
    left: list[str] = []
    for at, letter in enumerate(one):
        places = range(max(0, at - reach), min(len(two), at + reach + 1))
        found = next((i for i in places if i not in taken and two[i] == letter), None)
        if found is not None:
            taken.add(found)
            left.append(letter)
    if not left:
        return 0.0
    right = [two[at] for at in sorted(taken)]
    wrong = sum(a != b for a, b in zip(left, right, strict=True)) / 2
    same = len(left)
    return (same / len(one) + same / len(two) + (same - wrong) / same) / 3


def digits(one: str, two: str) -> float:
    """How alike two numbers are written: the share of places in which they agree.

    Two neighbours that were swapped count as one place.
    """
    if len(one) != len(two):
        return 0.0
    wrong = [at for at, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]
    if len(wrong) == 2 and wrong[1] == wrong[0] + 1:
        first, second = wrong
        if one[first] == two[second] and one[second] == two[first]:
            wrong = wrong[:1]
    return 1 - len(wrong) / len(one) if one else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How sure it is, from 0 to 1, and what speaks for it."""

    score: float
    reasons: tuple[str, ...]


def compare(one: Evidence, two: Evidence) -> Verdict:
    """How sure it is that two records are of one person."""
    weights = {
        "name": _names(one, two),
        "birth_date": _weigh(BIRTH, _day(one), _day(two), digits),
        "email": _weigh(EMAIL, one.email.casefold(), two.email.casefold(), _same),
        "phone": _weigh(PHONE, one.phone, two.phone, _same),
        "street": _weigh(STREET, plain(one.street), plain(two.street), _unordered),
        "suburb": _weigh(SUBURB, plain(one.suburb), plain(two.suburb), similarity),
        "postcode": _weigh(POSTCODE, plain(one.postcode), plain(two.postcode), digits),
        "region": _weigh(REGION, plain(one.region), plain(two.region), _same),
    }
    reasons = sorted(
        (it for it in weights if weights[it] > 1), key=lambda it: -weights[it]
    )
    total = PRIOR + sum(weights.values())
    return Verdict(1 / (1 + exp(-total)), tuple(reasons))


def _day(of: Evidence) -> str:
    return of.birth_date.strftime("%Y%m%d") if of.birth_date else ""


def _weigh(scale: Scale, one: str, two: str, alike: object) -> float:
    return scale.weigh(alike(one, two)) if one and two and callable(alike) else 0.0


def _same(one: str, two: str) -> float:
    return float(one == two)


def _unordered(one: str, two: str) -> float:
    """Of texts of several words, in whatever order."""
    ordered = " ".join(sorted(one.split())), " ".join(sorted(two.split()))
    return max(similarity(one, two), similarity(*ordered))


def _names(one: Evidence, two: Evidence) -> float:
    given, family = one.names
    other_given, other_family = two.names
    straight = _weigh(GIVEN, given, other_given, similarity)
    straight += _weigh(FAMILY, family, other_family, similarity)
    swapped = _weigh(GIVEN, given, other_family, similarity)
    swapped += _weigh(FAMILY, family, other_given, similarity)
    return max(straight, swapped + SWAPPED)


def keys(of: Evidence) -> frozenset[str]:
    """What two records have in common if they are compared at all.

    Beginnings of names, either way round, so that one slip does not part them; a day
    of birth; a place.
    """
    given, family = of.names
    found = set(_name_keys(given, family)) | set(_name_keys(family, given))
    if of.birth_date:
        found.add(f"b{_day(of)}")
    if of.postcode and of.street:
        found.add(f"p{plain(of.postcode)}{_road(of.street)}")
    return frozenset(found)


def _name_keys(first: str, last: str) -> Iterable[str]:
    if first and last:
        yield f"n{last[:3]}{first[:2]}"


def _road(street: str) -> str:
    words = [it for it in plain(street).split() if not it.isdigit()]
    return words[0][:4] if words else ""
