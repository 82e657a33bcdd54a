"""A rig for SCIM: a tenant, and the directory that keeps its people."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

import msgspec

from insula.kernel.database.session import Statement
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
ROWS = "SELECT * FROM home__.{} WHERE tenant_id = $1::text::uuid ORDER BY id"


@dataclass(frozen=True, slots=True)
class Said:
    """What SCIM answers."""

    status: int
    body: Any
    headers: Any


@dataclass(slots=True)
class Rig:
    """One tenant and its directory."""

    house: House
    tenant: Tenant
    owner: Caller
    directory: Caller

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str = "",
        **more: Any,
    ) -> Said:
        """Ask as the directory does; everything but nothing is in SCIM's own type."""
        headers = {"content-type": "application/scim+json", **more.pop("headers", {})}
        if version:
            headers["if-match"] = version
        if body is not None:
            more["content"] = body if isinstance(body, bytes) else json.dumps(body)
        caller = more.pop("by", self.directory)
        url = f"/scim/v2/{path}"
        got = await caller.send(method, url, headers=headers, **more)
        kind = got.headers.get("content-type", "")
        scim = kind == "application/scim+json"
        return Said(
            got.status,
            json.loads(got.body) if scim and got.body else got.body,
            got.headers,
        )

    async def person(self, **more: Any) -> Any:
        """A user whom the directory makes."""
        name = f"{secrets.token_hex(5)}@people.example"
        body = {"schemas": [USER], "userName": name, **more}
        made = await self.ask("POST", "Users", body)
        assert made.status == 201, made.body
        return made.body

    async def group(self, *members: Any, **more: Any) -> Any:
        """A group that the directory makes."""
        listed = [{"value": it["id"]} for it in members]
        name = f"G {secrets.token_hex(4)}"
        body = {"schemas": [GROUP], "displayName": name, "members": listed, **more}
        made = await self.ask("POST", "Groups", body)
        assert made.status == 201, made.body
        return made.body

    async def patch(self, path: str, *operations: Any, **more: Any) -> Said:
        """Change something."""
        body = {"schemas": [PATCH], "Operations": list(operations)}
        return await self.ask("PATCH", path, body, **more)

    async def found(self, path: str) -> list[str]:
        """The ids of what is found."""
        said = await self.ask("GET", path)
        assert said.status == 200, said.body
        return [it["id"] for it in said.body.get("Resources", [])]

    async def rows(self, table: str) -> list[dict[str, Any]]:
        """What a table holds."""
        session = self.house.platform.open_session(self.tenant.home, self.tenant.id)
        async with session.transaction() as transaction:
            found = await transaction.fetch(Statement(ROWS.format(table)))
        return [{k: _plain(v) for k, v in row.items()} for row in found]


async def new_rig(house: House, *roles: str) -> Rig:
    """A tenant whose owner has let a directory in."""
    tenant = await house.tenant(apps=())
    owner = await house.user(tenant)
    asked = {"name": "Directory", **({"roles": list(roles)} if roles else {})}
    made = (await owner.post("scim-tokens", asked)).data
    return Rig(house, tenant, owner, house.caller(tenant.domain, made["token"]))


def _plain(value: Any) -> Any:
    """A value, JSON as its text."""
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else value
