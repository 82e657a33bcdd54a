"""Visiting: contacts of a tenant, and how they come to its portal."""

import re
from typing import Any
from uuid import uuid4

import msgspec

from insula.kernel.database.session import Statement
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

PORTAL, CONTACTS = "portal/auth", "contacts"
PASSWORD = "a quiet harbour 7"
SECRETS = Statement(
    "SELECT command FROM home__.jobs WHERE tenant_id = $1::text::uuid"
    " AND task = 'mail.send' ORDER BY id DESC LIMIT 1"
)
TOKEN = re.compile(r"#token=(\S+)")


async def new_contact(staff: Caller, **more: Any) -> dict[str, Any]:
    """A contact that the staff made."""
    body = {"name": "Eve", "email": f"{uuid4().hex[:10]}@shop.test", **more}
    made: dict[str, Any] = await staff.create(CONTACTS, **body)
    return made


async def invited(house: House, tenant: Tenant, staff: Caller, **more: Any) -> Any:
    """A contact, and the token of the mail that went to them."""
    contact = await new_contact(staff, invite=True, **more)
    return contact, await token_of(house, tenant)


async def token_of(house: House, tenant: Tenant) -> str:
    """The token of the mail that was asked for last."""
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        (row,) = await transaction.fetch(SECRETS)
    sealed = msgspec.json.decode(row["command"])["secrets"]["link"]
    link = house.platform.sealer.open(tenant.id, "jobs.mail", sealed).decode()
    found = TOKEN.search(link)
    assert found is not None
    return found[1]


async def at_portal(house: House, tenant: Tenant, staff: Caller, **more: Any) -> Caller:
    """A contact who is signed in."""
    contact, token = await invited(house, tenant, staff, **more)
    caller = house.caller(tenant.domain)
    chosen = {"token": token, "password": PASSWORD}
    assert (await caller.post(f"{PORTAL}/password", chosen)).status == 200
    return await signed_in(caller, contact["email"])


async def signed_in(caller: Caller, email: str, password: str = PASSWORD) -> Caller:
    """The same caller, with the tokens of a contact."""
    body = {"email": email, "password": password}
    pair = (await caller.post(f"{PORTAL}/login", body)).data
    caller.token = pair["access_token"]
    caller.headers["x-refresh"] = pair["refresh_token"]
    return caller
