"""Roles: those that everybody has, and those that a tenant makes for itself."""

import secrets
import time
from itertools import pairwise
from typing import Any

import pytest

from insula.kernel.access.grants import holds
from tests.kernel.access.conftest import Town
from tests.kernel.access.town import another_process

pytestmark = pytest.mark.anyio

SYSTEM = {
    *("owner", "admin", "manager", "editor", "member", "viewer", "auditor"),
    *("customer", "technician"),
}
READ = "maintenance.assets.read"


def named(prefix: str = "r") -> str:
    return f"{prefix}_{secrets.token_hex(3)}"


async def test_all_roles_are_listed_with_what_they_grant(town: Town) -> None:
    """R21, S4-16, S2-19: the platform's, those of the tenant's apps, its own."""
    name = named()
    await town.role(name, READ, sales_deals={"hide": ["amount"]})
    roles = {it["name"]: it for it in (await town.owner.get("roles")).data}
    assert {it for it, role in roles.items() if role["kind"] == "system"} == SYSTEM
    assert roles["owner"]["grants"] == ["*"]
    assert roles["sales.sales_rep"]["app"] == "sales"
    assert "own:sales.deals.manage" in roles["sales.sales_rep"]["grants"]
    own = roles[name]
    assert (own["kind"], own["grants"]) == ("custom", [READ])
    assert own["masks"] == {"sales.deals": {"hide": ["amount"]}}
    poor = await town.house.tenant(apps=())
    owner = await town.house.user(poor)
    listed = {it["name"] for it in (await owner.get("roles")).data}
    assert {it for it in listed if not it.startswith("people.")} == SYSTEM


@pytest.mark.parametrize(
    ("role", "allowed", "refused"),
    [
        ("super_admin", {"users.delete", "roles.manage", "sales.deals.delete"}, ()),
        ("admin", {"users.manage", "analytics.read", "isp.lines.manage"}, ()),
        (
            "manager",
            {"analytics.read", "sales.deals.manage", "commerce.orders.delete"},
            {"users.manage", "roles.manage", "security.manage"},
        ),
        ("editor", {"sales.deals.update"}, {"sales.deals.delete", "users.manage"}),
        (
            "viewer",
            {"analytics.read", "sales.deals.read"},
            {"sales.deals.update", "sales.deals.create", "users.read"},
        ),
        (
            "user",
            {"sales.deals.read", "own:sales.deals.delete"},
            {"sales.deals.delete"},
        ),
        ("auditor", {"audit_log.read", "sales.deals.read"}, {"sales.deals.update"}),
        ("customer", (), {"sales.deals.read", "files.read"}),
        ("technician", (), {"sales.deals.read", "users.read"}),
    ],
)
def test_what_the_common_roles_may(
    town: Town, role: str, allowed: set[str], refused: set[str]
) -> None:
    """R21, S3-73, S3-74, S3-75, S3-76, S3-77, S3-78, S4-16, S4-17."""
    grants = town.house.platform.engine.roles.grants([role])
    assert [it for it in allowed if not holds(grants, it)] == []
    assert [it for it in refused if holds(grants, it)] == []


def test_every_common_role_is_within_the_next(town: Town) -> None:
    """S3-74, S3-75: a manager may bring in members, an admin managers."""
    book = town.house.platform.engine.roles
    ladder = ["owner", "admin", "manager", "editor", "member", "viewer"]
    for above, below in pairwise(ladder):
        lacking = [it for it in book.of(below) if not holds(book.of(above), it)]
        assert lacking == [], (above, below)


async def test_a_changed_role_counts_at_once_and_everywhere(town: Town) -> None:
    """R21: whoever has the role has the new grants with the next request."""
    name = named()
    role = await town.role(name, "sales.deals.read")
    person, other_role = await town.user(name), "sales.deals.create"
    assert (await person.get("sales/deals")).status == 200
    assert (await person.post("sales/deals", {"title": "no"})).status == 403
    changed = {"grants": ["sales.deals.read", other_role], "version": 1}
    await town.owner.patch(f"roles/{role['id']}", changed)
    assert (await person.post("sales/deals", {"title": "yes"})).status == 201
    emptied = {"grants": [], "version": 2}
    await town.owner.patch(f"roles/{role['id']}", emptied)
    assert (await person.get("sales/deals")).status == 403


async def test_another_process_hears_of_a_changed_role(town: Town) -> None:
    """R21: within a second, by the notice of the tenant."""
    name = named()
    role = await town.role(name, "sales.deals.read")
    person = await town.user(name)
    async with another_process(town.house) as there:
        away = there.caller(person.host, person.token)
        assert (await away.get("sales/deals")).status == 200
        emptied = {"grants": [], "version": 1}
        assert (await town.owner.patch(f"roles/{role['id']}", emptied)).status == 200
        until = time.monotonic() + 1
        while (answer := await away.get("sales/deals")).status == 200:
            assert time.monotonic() < until
    assert answer.code == "FORBIDDEN"


@pytest.mark.parametrize(
    "grant",
    [
        "*",
        "users.manage",
        "maintenance.assets.manage",
        "maintenance.*.read",
        "sales.deals.delete",
        "sales.deals.read",
        "*.*.read",
    ],
)
async def test_nobody_puts_into_a_role_what_they_have_not(
    town: Town, grant: str
) -> None:
    """S3-74, V8.2: who may make roles makes none that is more than theirs."""
    name = named()
    await town.role(name, "roles.manage", "own:sales.deals.manage", READ)
    maker = await town.user(name)
    body = {"name": named(), "title": "x", "grants": [READ, grant]}
    answer = await maker.post("roles", body)
    assert (answer.status, answer.code) == (403, "GRANT_NOT_HELD")
    body["grants"] = [READ, "own:sales.deals.update"]
    made = (await maker.post("roles", body)).data
    wider = {"grants": [READ, grant], "version": 1}
    assert (await maker.patch(f"roles/{made['id']}", wider)).status == 403
    names = [it["name"] for it in (await town.owner.get("roles")).data]
    assert names.count(body["name"]) == 1


async def test_nobody_undoes_their_own_mask_with_a_role(town: Town) -> None:
    """Promise 3: who does not see a field makes no role that shows it."""
    name = named()
    mask = {"hide": ["amount"]}
    await town.role(name, "roles.manage", "sales.deals.read", sales_deals=mask)
    maker = await town.user(name)
    body: dict[str, Any] = {
        "name": named(),
        "title": "x",
        "grants": ["sales.deals.read"],
    }
    assert (await maker.post("roles", body)).status == 403
    body["masks"] = {"sales.deals": mask}
    made = (await maker.post("roles", body)).data
    bare = {"masks": {}, "version": 1}
    assert (await maker.patch(f"roles/{made['id']}", bare)).status == 403


async def test_nobody_undoes_their_own_mask_with_a_key(town: Town) -> None:
    """Promise 3: a key that sees more than its maker is not made."""
    name = named()
    mask = {"hide": ["amount"]}
    grants = "api_keys.manage", "sales.deals.read", READ
    await town.role(name, *grants, sales_deals=mask)
    maker = await town.user(name)
    deals = {"name": "all deals", "scopes": ["sales.deals.read"]}
    answer = await maker.post("api-keys", deals)
    assert (answer.status, answer.code) == (403, "GRANT_NOT_HELD")
    assert (await maker.post("api-keys", {**deals, "scopes": [READ]})).status == 201


async def test_a_personal_token_sees_no_more_than_its_owner(town: Town) -> None:
    """Promise 3: masks and rows hold whatever one comes with."""
    name = named()
    await town.role(name, "own:sales.deals.manage", sales_deals={"hide": ["amount"]})
    person = await town.user(name)
    await town.deal("not theirs", amount=1)
    mine = await town.deal("theirs", person, amount=1)
    made = await person.post("auth/tokens", {"name": "t", "scopes": ["sales.*"]})
    program = town.house.caller(person.host, made.data["key"])
    (row,) = (await program.get("sales/deals")).data
    assert row["id"] == mine["id"]
    assert "amount" not in row


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "owner"}, "name"),
        ({"name": "super_admin"}, "name"),
        ({"name": "sales.boss"}, "name"),
        ({"name": "Boss"}, "name"),
        ({"grants": ["sales deals"]}, "grants"),
        ({"grants": ["his:sales.deals.read"]}, "grants"),
        ({"grants": ["a.b.c"] * 300}, "grants"),
        ({"masks": {"sales.deals": {"show": ["amount"]}}}, "masks"),
        ({"masks": {"sales.deals": {"hide": ["nonsense"]}}}, "masks"),
        ({"masks": {"sales.deals": {"hide": ["id"]}}}, "masks"),
        ({"masks": {"sales.deals": ["amount"]}}, "masks"),
        ({"masks": {"users": {"hide": ["email"]}}}, "masks"),
        ({"masks": {"sales.deals": {"hide": [{}]}}}, "masks"),
    ],
)
async def test_a_role_that_means_nothing_is_refused(
    town: Town, fields: dict[str, Any], field: str
) -> None:
    """R21: names that others have, grants and masks that nobody understands."""
    answer = await town.owner.post("roles", {"name": named(), "title": "x", **fields})
    assert answer.status == 422
    assert answer.body["error"]["details"][0]["field"] == field


async def test_a_role_that_somebody_has_is_not_thrown_away(town: Town) -> None:
    """R21: users and teams keep what they were given."""
    name = named()
    role = await town.role(name, READ)
    await town.user(name)
    path, sent = f"roles/{role['id']}", {"headers": {"if-match": '"1"'}}
    answer = await town.owner.send("DELETE", path, **sent)
    assert (answer.status, answer.code) == (409, "ROLE_IN_USE")
    free = await town.role(named(), READ)
    gone = await town.owner.send("DELETE", f"roles/{free['id']}", **sent)
    assert gone.status == 200


async def test_a_role_of_another_tenant_gives_nothing_here(town: Town) -> None:
    """S0-57, pitfall 23: its name is one's own, its rows are unknown."""
    name = named()
    role = await town.role(name, "*.*.manage")
    other = await town.house.tenant(apps=("sales",))
    person, owner = await town.house.user(other, name), await town.house.user(other)
    assert (await person.get("sales/deals")).status == 403
    assert (await owner.get(f"roles/{role['id']}")).status == 404
    answer = await owner.patch(f"roles/{role['id']}", {"title": "x", "version": 1})
    assert answer.status == 404
