"""Every role before every operation: let through, or 403 and nothing has happened.

The cells come from the registry. What is expected is worked out here a second time,
by other means than the program's.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import chain

import pytest

from insula.kernel.access.actor import SYSTEM_ROLES
from insula.kernel.access.operation import Audience, Operation
from insula.kernel.access.roles import ALIASES
from insula.kernel.database.session import Statement
from insula.kernel.database.walls import TENANT_METADATA
from insula.kernel.resource.engine import registered_apps
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.isolation.neighbours import OPERATIONS

pytestmark = pytest.mark.anyio

APP_ROLES = {
    name: it for app in registered_apps() for name, it in app.role_grants().items()
}
ROLES = {**SYSTEM_ROLES, **APP_ROLES, "nothing": ()}
ROLES |= {alias: SYSTEM_ROLES[name] for alias, name in ALIASES.items()}
CELLS = [
    it
    for it in OPERATIONS.values()
    if it.audience is Audience.tenant and it.permission is not None and not it.socket
]
NOBODYS = "0190a0a0-0000-7000-8000-000000000000"
READERS = ("viewer", "auditor")


def expected(grants: Iterable[str], operation: Operation) -> bool:
    """Whether some grant fits, part by part; a qualified one only where rows are scoped."""
    wanted = (operation.permission or "").split(".")
    for grant in grants:
        qualifier, _, plain = grant.rpartition(":")
        parts = plain.split(".")
        if qualifier and not operation.scoped:
            continue
        if parts[-1] == "*" and len(parts) < len(wanted):
            parts += ["*"] * (len(wanted) - len(parts))
        elif parts[-1] == "manage" and len(parts) == len(wanted):
            parts[-1] = "*"
        same = len(parts) == len(wanted)
        if same and all(map(fnmatchcase, wanted, parts)):
            return True
    return False


def fingerprint_of(tables: Iterable[str]) -> Statement:
    parts = (
        f"SELECT '{name}', count(*), md5(string_agg(c::text, '' ORDER BY c.id))"
        f" FROM home__.{name} c WHERE c.tenant_id = $1::uuid"
        for name in sorted(tables)
    )
    return Statement(" UNION ALL ".join(parts))


FINGERPRINT = fingerprint_of(TENANT_METADATA.tables)


@pytest.fixture(scope="module")
async def tenant(the_house: House) -> Tenant:
    """Whose rows must not change by what is refused."""
    apps = tuple(it.name for it in the_house.platform.apps if not it.always)
    return await the_house.tenant(apps=apps)


async def fingerprint(house: House, tenant: Tenant) -> list[tuple[object, ...]]:
    """What all rows of the tenant amount to."""
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        rows = await transaction.fetch(FINGERPRINT)
    return sorted(tuple(row) for row in rows)


async def ask(caller: Caller, operation: Operation) -> tuple[int, str]:
    """Ask without a body, of a row that nobody has."""
    path = operation.path.replace("{id}", NOBODYS)
    headers = {"if-match": '"1"'}
    answer = await caller.send(operation.method, path, headers=headers)
    ours = isinstance(answer.body, dict) and "error" in answer.body  # not SCIM's words
    return answer.status, answer.code if ours else ""


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_is_let_through_to_what_it_grants_alone(
    house: House, tenant: Tenant, role: str
) -> None:
    """Promise 3, S0-54, S0-55, S3-73, S3-74, S3-75, S3-76, S3-77, S4-16, S4-17."""
    caller = await house.user(tenant, role)
    open_to = {it.name for it in CELLS if expected(ROLES[role], it)}
    closed = [it for it in CELLS if it.name not in open_to]
    before = await fingerprint(house, tenant)
    got = {it.name: await ask(caller, it) for it in closed}
    assert {name: it for name, it in got.items() if it != (403, "FORBIDDEN")} == {}
    assert await fingerprint(house, tenant) == before
    through = [it for it in CELLS if it.name in open_to]
    answers = {it.name: await ask(caller, it) for it in through}
    assert [name for name, it in answers.items() if it[1] == "FORBIDDEN"] == []


def test_the_cells_are_all_there() -> None:
    """Without this, the matrix could be green because it is empty."""
    assert len(CELLS) > 200
    assert len(ROLES) > 12
    doors = set(chain.from_iterable(it for it in ROLES.values()))
    assert {"*", "*.*.read", "own:*.*.manage"} <= doors


@pytest.mark.parametrize("role", READERS)
def test_who_only_reads_is_let_through_to_no_write(role: str) -> None:
    """R21: an auditor and a viewer change nothing, whatever is declared tomorrow."""
    through = [it for it in CELLS if expected(ROLES[role], it)]
    assert [it.name for it in through if it.writes] == []
