"""The plans that every installation begins with, and those it offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

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


STANDARD = (("free", "Free", Decimal(0)), ("standard", "Standard", Decimal(49)))
"""Slug, name and monthly price."""

ENSURE = """
INSERT INTO control.plans (id, slug, name, price) VALUES ($1, $2, $3, $4)
ON CONFLICT (slug) DO NOTHING
"""
LIST = """
SELECT id, slug, name, price, currency, isolation, is_active
  FROM control.plans ORDER BY price, slug
"""


async def ensure_plans(control: Control) -> None:
    """Have the standard plans; one that an operator has changed stays as it is."""
    for slug, name, price in STANDARD:
        await control.fetch(ENSURE, uuid7(), slug, name, price)


async def list_plans(control: Control) -> Sequence[PlanView]:
    """All plans, the cheapest first."""
    return [PlanView(**dict(row)) for row in await control.fetch(LIST)]
