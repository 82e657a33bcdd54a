"""A small sales department: a tenant with one pipeline, and short ways to sell."""

from dataclasses import dataclass
from typing import Any

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

Row = dict[str, Any]
STAGES = (
    {"name": "Engaging", "probability": 20},
    {"name": "Offered", "probability": 50, "stale_days": 1},
    {"name": "Won", "kind": "won", "probability": 100},
    {"name": "Lost", "kind": "lost"},
)


@dataclass(frozen=True)
class Shop:
    """A tenant that sells, and its owner, who may do everything."""

    house: House
    tenant: Tenant
    boss: Caller
    pipeline: str
    stages: dict[str, str]

    async def deal(self, title: str = "Ten pumps", **fields: Any) -> Row:
        """A new deal."""
        made: Row = await self.boss.create("crm/deals", title=title, **fields)
        return made

    async def act(self, row: Row, action: str, **body: Any) -> Answer:
        """Do something to a deal or a lead."""
        kind = row["type"].removeprefix("crm.")
        return await self.boss.post(f"crm/{kind}s/{row['id']}/{action}", body)

    async def move(self, row: Row, stage: str, **body: Any) -> Answer:
        """Move a deal to the stage of that name."""
        return await self.act(row, "move", stage_id=self.stages[stage], **body)

    async def report(self, name: str, query: str = "") -> list[Row]:
        """The rows of a report."""
        answer = await self.boss.get(f"crm/reports/{name}{query}")
        rows: list[Row] = answer.data["rows"]
        return rows


async def opened(house: House) -> Shop:
    """A new shop."""
    tenant = await house.tenant(apps=("crm",))
    boss = await house.user(tenant)
    made = await boss.create("crm/pipelines", name="Sales", stages=list(STAGES))
    found = (await boss.get("crm/stages?sort=position")).data
    stages = {it["name"]: it["id"] for it in found}
    return Shop(house, tenant, boss, made["id"], stages)
