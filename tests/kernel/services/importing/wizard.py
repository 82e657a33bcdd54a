"""A wizard: somebody who imports files step by step, as the console does."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from openpyxl import Workbook  # type: ignore[import-untyped]  # no stubs are installed

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

ASSETS = "maintenance.assets"


@dataclass(frozen=True, slots=True)
class Wizard:
    """Somebody who imports at a tenant."""

    house: House
    tenant: Tenant
    caller: Caller

    async def send(
        self, content: bytes, resource: str = ASSETS, name: str = "a.csv"
    ) -> Answer:
        """Upload a file."""
        query = httpx2.QueryParams({"resource": resource, "name": name})
        return await self.caller.send("POST", f"imports?{query}", content=content)

    async def begin(
        self, content: bytes | str, resource: str = ASSETS, **options: Any
    ) -> dict[str, Any]:
        """Upload a file, and say how it is to be read."""
        raw = content.encode() if isinstance(content, str) else content
        made = await self.send(raw, resource)
        assert made.status == 201, made.body
        found: dict[str, Any] = made.data
        if options:
            options = {**found["options"], **options}
            found = await self.change(found, **options)
        return found

    async def change(self, run: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Say how it is to be read."""
        body = {"options": options}
        answer = await self.caller.patch(f"imports/{run['id']}", body)
        found: dict[str, Any] = answer.data
        return found

    async def step(self, run: dict[str, Any], step: str) -> dict[str, Any]:
        """Check or start it, and have the jobs done."""
        asked = await self.caller.post(f"imports/{run['id']}/{step}")
        assert asked.status == 202, asked.body
        await self.house.work(self.tenant)
        return await self.look(run)

    async def look(self, run: dict[str, Any]) -> dict[str, Any]:
        """The import as it is now."""
        found: dict[str, Any] = (await self.caller.get(f"imports/{run['id']}")).data
        return found

    async def load(
        self, content: bytes | str, resource: str = ASSETS, **options: Any
    ) -> dict[str, Any]:
        """All steps of an import."""
        run = await self.begin(content, resource, **options)
        checked = await self.step(run, "check")
        assert checked["state"] == "checked", checked
        return await self.step(run, "start")

    async def rows(self, run: dict[str, Any], query: str = "") -> list[Any]:
        """The rows that stand in its way."""
        path = f"imports/{run['id']}/rows{query}"
        found: list[Any] = (await self.caller.get(path)).data
        return found

    async def assets(self, query: str = "") -> list[dict[str, Any]]:
        """What there is."""
        path = f"maintenance/assets?per_page=100{query}"
        found: list[dict[str, Any]] = (await self.caller.get(path)).data
        return found


def counts(run: dict[str, Any]) -> tuple[int, ...]:
    """Rows created, updated, skipped and failed."""
    return tuple(run[it] for it in ("created", "updated", "skipped", "failed"))


def workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    """A workbook with these rows."""
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(list(row))
    book.save(out)
    return out.getvalue()
