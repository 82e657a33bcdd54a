"""Features: what a plan has beyond the apps; where it has it not, 402 and a link."""

from typing import Any

import pytest

from insula.kernel.access.features import has_feature
from insula.kernel.foundation.ids import uuid7
from tests.kernel.access.conftest import Town

pytestmark = pytest.mark.anyio

PLAN = """
INSERT INTO control.plans (id, slug, name, features, limits) VALUES ($1, $2, $2, $3, $4)
"""
SUBSCRIBE = """
INSERT INTO control.subscriptions (id, tenant_id, plan_id, status)
VALUES ($1, $2, $3, 'active')
"""


async def subscribe(town: Town, features: Any, limits: Any) -> None:
    """Give the tenant a plan with these features."""
    control, plan = town.house.platform.control, uuid7()
    await control.fetch(PLAN, plan, f"p-{plan.hex[-12:]}", features, limits)
    await control.fetch(SUBSCRIBE, uuid7(), town.tenant.id, plan)
    await town.house.fresh(town.tenant.id)


async def test_an_action_and_a_view_ask_for_their_feature(town: Town) -> None:
    """S2-56: whoever pays for it may, whoever does not is told where to."""
    deal = await town.deal("to be forecast")
    path = f"sales/deals/{deal['id']}/forecast"
    await subscribe(town, {"forecasting": True, "reports": False}, {})
    assert (await town.owner.post(path)).data["probability"] == 50
    answer = await town.owner.get("sales/report")
    assert (answer.status, answer.code) == (402, "FEATURE_NOT_AVAILABLE")
    assert "/settings/subscription" in answer.body["error"]["message"]
    assert "reports" in answer.body["error"]["message"]
    await subscribe(town, {}, {"reports": 5})
    assert (await town.owner.get("sales/report")).status == 200
    refused = await town.owner.post(path)
    assert refused.status == 402
    kept = (await town.owner.get(f"sales/deals/{deal['id']}")).data
    assert kept["version"] == 2


async def test_who_may_not_is_told_so_before_what_it_costs(town: Town) -> None:
    """S2-56: the permission is asked for first."""
    await subscribe(town, {}, {})
    person = await town.user("sales.reader")
    assert (await person.get("sales/report")).status == 403


@pytest.mark.parametrize(
    ("features", "limits", "there"),
    [
        (None, {}, True),
        ({}, {}, False),
        ({"x": True}, {}, True),
        ({"x": False}, {"x": 9}, False),
        ({}, {"x": 3}, True),
        ({}, {"x": 0}, False),
        ({}, {"x": None}, True),
    ],
)
def test_when_a_plan_has_a_feature(features: Any, limits: Any, there: bool) -> None:
    """S2-56: it says so, or allows some of it; without a plan nothing is withheld."""
    assert has_feature("x", features, limits) is there
