"""The plans that every installation begins with, and those it offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import msgspec

from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """A plan as operators see it; ``isolation`` is set if it requires one."""

    id: UUID
    slug: str
    name: str
    price: Decimal
    currency: str
    isolation: str | None
    is_active: bool


LARGE = {
    "requests_per_minute": 60_000,
    "requests_per_minute_user": 1_000,
    "searches_per_minute": 600,
    "bulk_per_hour": 100,
}
"""For who sends a thousand requests in a second."""
STANDARD: Sequence[tuple[str, str, Decimal, Mapping[str, int]]] = (
    ("free", "Free", Decimal(0), {}),
    ("standard", "Standard", Decimal(49), {}),
    ("enterprise", "Enterprise", Decimal(499), LARGE),
)
"""Slug, name, monthly price, and what is not limited as the settings say."""

ENSURE = """
INSERT INTO control.plans (id, slug, name, price, limits)
VALUES ($1, $2, $3, $4, $5::text::jsonb)
ON CONFLICT (slug) DO NOTHING
"""
LIST = """
SELECT id, slug, name, price, currency, isolation, is_active
  FROM control.plans ORDER BY price, slug
"""


async def ensure_plans(control: Control) -> None:
    """Have the standard plans; one that an operator has changed stays as it is."""
    for slug, name, price, limits in STANDARD:
        told = msgspec.json.encode(limits).decode()
        await control.fetch(ENSURE, uuid7(), slug, name, price, told)


async def list_plans(control: Control) -> Sequence[PlanView]:
    """All plans, the cheapest first."""
    return [PlanView(**dict(row)) for row in await control.fetch(LIST)]
