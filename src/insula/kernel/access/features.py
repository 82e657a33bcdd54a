"""Features: what a plan has or has not, beyond the apps (S2-56)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

FEATURE = "__insula_feature__"

F = TypeVar("F", bound=Callable[..., Any])


def requires_feature(name: str) -> Callable[[F], F]:
    """Have an action or a view ask for a feature of the tenant's plan.

    Above or below ``@resource.action`` alike.
    """

    def mark(function: F) -> F:
        setattr(function, FEATURE, name)
        return function

    return mark


def feature_of(function: Callable[..., Any]) -> str | None:
    """The feature that a function asks for."""
    found = getattr(function, FEATURE, None)
    return found if isinstance(found, str) else None


def has_feature(
    name: str, features: Mapping[str, Any] | None, limits: Mapping[str, Any]
) -> bool:
    """Whether a plan has a feature: it says so, or allows some of it.

    ``features`` are None where there is no plan: then nothing is withheld.
    """
    if features is None:
        return True
    said = features.get(name, limits.get(name, False))
    return said is None or bool(said)
