"""The register: the operator's tables are what the sources ask for, in PostgreSQL."""

from collections.abc import Mapping

import asyncpg
import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control
from tests.house import House

COLUMNS = """
SELECT column_name, data_type || COALESCE('(' || character_maximum_length || ')', '')
       AS type, is_nullable = 'YES' AS nullable, column_default AS "default"
  FROM information_schema.columns WHERE table_schema = 'control' AND table_name = $1
"""
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
 WHERE schemaname = 'control' AND tablename = $1
"""
EXPECTED: Mapping[str, Mapping[str, str]] = {
    # S0-09..S0-16, S1-05; `domain`, `status` and `database` are computed (R03..R05)
    "tenants": {
        "id": "uuid",
        "name": "character varying(255)",
        "slug": "character varying(100)",
        "settings": "jsonb",
        "metadata": "jsonb",
        "plan_id": "uuid",
        "trial_ends_at": "timestamp with time zone",
        "created_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
        "deleted_at": "timestamp with time zone",
    },
    # S1-06
    "domains": {
        "tenant_id": "uuid",
        "domain": "character varying(255)",
        "is_primary": "boolean",
        "is_verified": "boolean",
        "created_at": "timestamp with time zone",
    },
    # S1-08
    "subscriptions": {
        "tenant_id": "uuid",
        "plan_id": "uuid",
        "status": "character varying(32)",
        "current_period_start": "timestamp with time zone",
        "current_period_end": "timestamp with time zone",
        "canceled_at": "timestamp with time zone",
        "stripe_subscription_id": "character varying(255)",
        "metadata": "jsonb",
    },
    # S1-09, R19
    "plans": {
        "name": "character varying(255)",
        "slug": "character varying(50)",
        "price": "numeric",
        "currency": "character(3)",
        "features": "jsonb",
        "limits": "jsonb",
        "is_active": "boolean",
    },
    # S1-10
    "system_admins": {
        "email": "character varying(255)",
        "password": "character varying",
        "permissions": "jsonb",
        "two_factor_secret": "character varying",
        "last_login_at": "timestamp with time zone",
    },
    # S1-11
    "audit_logs": {
        "tenant_id": "uuid",
        "admin_id": "uuid",
        "action": "character varying(100)",
        "resource_type": "character varying(100)",
        "resource_id": "character varying(100)",
        "changes": "jsonb",
        "ip_address": "inet",
        "user_agent": "character varying",
        "created_at": "timestamp with time zone",
    },
    # S0-23, S0-24, S0-26
    "app_installations": {
        "id": "uuid",
        "tenant_id": "uuid",
        "app_name": "character varying(100)",
        "version": "character varying(20)",
        "settings": "jsonb",
        "permissions": "jsonb",
        "installed_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
    },
}
# S1-12 to S1-17, S0-30
NAMED_INDEXES = {
    "idx_tenants_slug": ("tenants", "UNIQUE INDEX", "(slug)"),
    "idx_tenants_status": ("tenants", "INDEX", "(state)"),
    "idx_domains_tenant": ("domains", "INDEX", "(tenant_id)"),
    "idx_subscriptions_tenant": ("subscriptions", "INDEX", "(tenant_id)"),
    "idx_audit_logs_tenant": ("audit_logs", "INDEX", "(tenant_id)"),
    "idx_audit_logs_created": ("audit_logs", "INDEX", "(created_at)"),
    "idx_installations_tenant": (
        "app_installations",
        "INDEX",
        "(tenant_id, status)",
    ),
}


@pytest.mark.parametrize("table", EXPECTED)
async def test_a_table_has_the_columns_that_were_asked_for(
    house: House, table: str
) -> None:
    """S0-09..S0-14, S0-16, S0-23, S0-24, S0-26, S1-04..S1-06, S1-08..S1-11."""
    rows = await house.platform.control.fetch(COLUMNS, table)
    found = {row["column_name"]: row["type"] for row in rows}
    assert {name: found.get(name) for name in EXPECTED[table]} == EXPECTED[table]


@pytest.mark.parametrize("name", NAMED_INDEXES)
async def test_a_named_index_is_there(house: House, name: str) -> None:
    """S1-12, S1-13, S1-14, S1-15, S1-16, S1-17, S0-30."""
    table, kind, columns = NAMED_INDEXES[name]
    rows = await house.platform.control.fetch(INDEXES, table)
    found = {row["indexname"]: row["indexdef"] for row in rows}
    assert f"CREATE {kind} {name} ON" in found[name]
    assert found[name].endswith(columns)


async def test_a_tenant_has_one_primary_domain(house: House) -> None:
    """S1-07, S0-12: a second is refused, and a domain leads to one tenant."""
    control = house.platform.control
    tenant, other = await house.tenant(apps=()), await house.tenant(apps=())
    add = (
        "INSERT INTO control.domains (id, tenant_id, domain, is_primary)"
        " VALUES ($1, $2, $3, $4)"
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await control.fetch(add, uuid7(), tenant.id, f"{tenant.slug}.example", True)
    with pytest.raises(asyncpg.UniqueViolationError):
        await control.fetch(add, uuid7(), other.id, tenant.domain, False)


async def test_an_app_is_installed_once_and_in_a_known_status(house: House) -> None:
    """S0-25, S0-27."""
    tenant, control = await house.tenant(), house.platform.control
    add = (
        "INSERT INTO control.app_installations (id, tenant_id, app_name, version,"
        " status) VALUES ($1, $2, $3, '1', $4)"
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await control.fetch(add, uuid7(), tenant.id, "maintenance", "active")
    with pytest.raises(asyncpg.CheckViolationError):
        await control.fetch(add, uuid7(), tenant.id, "other", "broken")


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_users_are_found_by_address_and_by_age(
    house: House, isolation: Isolation
) -> None:
    """S0-17..S0-19, S0-28, S0-29: the same address in two tenants, once in each."""
    tenant = await house.tenant(isolation, apps=())
    await house.user(tenant)
    async with house.platform.pools.borrow(tenant.home.login) as connection:
        rows = await connection.fetch(
            "SELECT indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = $1 AND tablename = 'users'",
            tenant.home.schema,
        )
    found = {row["indexname"]: row["indexdef"] for row in rows}
    unique = found["idx_users_tenant_email"]
    assert "UNIQUE" in unique
    assert unique.endswith("(tenant_id, email)")
    assert found["idx_users_tenant_created"].endswith("(tenant_id, created_at)")


async def test_the_state_of_a_tenant_is_one_of_few(control: Control) -> None:
    """S0-15, S0-11: whatever writes it; and so is the form of its slug."""
    add = (
        "INSERT INTO control.tenants (id, slug, name, isolation, state)"
        " VALUES ($1, $2, 'X', 'shared', $3)"
    )
    for slug, state in (("fine-slug", "asleep"), ("Not A Slug", "active")):
        with pytest.raises(asyncpg.CheckViolationError):
            await control.fetch(add, uuid7(), slug, state)
