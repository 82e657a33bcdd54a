"""Keys, tags and notices: what they are called, and whose they are."""

from uuid import UUID, uuid4

import pytest

from insula.kernel.cache import keys
from insula.kernel.cache.classes import CacheClass, Keeping
from insula.kernel.cache.invalidation import Invalidator, Stale, read_notice, tag_for
from insula.kernel.foundation.settings import Settings

TENANT = UUID("0199f0a0-0000-7000-8000-000000000001")
USER = UUID("0199f0a0-0000-7000-8000-000000000456")


@pytest.mark.parametrize(
    ("name", "full"),
    [
        (keys.key("user", 456), "user:456:v1"),
        (keys.key("asset", 7, version=3), "asset:7:v3"),
        (keys.APPS, "apps:installed:v1"),
        (keys.permissions_of(USER), f"permissions:user:{USER}:v1"),
        (f"dashboard:{TENANT}", f"dashboard:{TENANT}"),
    ],
)
def test_every_key_begins_with_its_tenant(name: str, full: str) -> None:
    """S0-46, S1-33, R16."""
    assert keys.full_key(TENANT, name) == f"tenant:{TENANT}:{full}"


def test_the_tag_of_a_tenant() -> None:
    """S0-47, S1-34."""
    assert keys.tag_of(TENANT) == f"tenant:{TENANT}"


def test_a_variant_tells_apart_whatever_changes_the_answer() -> None:
    """Pitfall 30: role, locale, fields."""
    asked: dict[str, object] = {"roles": ["a", "b"], "locale": "de", "fields": ["id"]}
    others: list[dict[str, object]] = [
        {"roles": ["a"]},
        {"locale": "en"},
        {"fields": ["name"]},
    ]
    names = {keys.variant(**asked | other) for other in others}
    assert len(names) == 3
    assert keys.variant(**asked) == keys.variant(**dict(reversed(asked.items())))
    assert keys.variant(**asked) not in names


@pytest.mark.parametrize(
    ("event", "tag"),
    [
        ("TenantSettingsUpdated", "*"),
        ("tenant.settings.updated", "*"),
        ("user.created", "users"),
        ("users.user.created", "users"),
        ("UserDeleted", "users"),
        ("role.updated", "roles"),
        ("installation.created", "installations"),
        ("maintenance.asset.down", "maintenance"),
        ("webhook_endpoint.created", "webhook_endpoint"),
    ],
)
def test_an_events_name_says_what_it_drops(event: str, tag: str) -> None:
    """S0-47, S0-48."""
    assert tag_for(event) == tag


def test_a_notice_says_whose_and_what() -> None:
    stale = Stale(TENANT, "users", "ab12")
    assert read_notice(f"cache:{stale}") == ("cache", stale)
    assert read_notice(f"tenant:{TENANT}") == ("tenant", Stale(TENANT, "*", ""))
    for topic in (f"events:{TENANT}", "cache:nobody:users", "cache", "user:1", ""):
        assert read_notice(topic) is None


@pytest.mark.parametrize("tag", ["", "a=b", "a;b", "*", "a b"])
def test_a_tag_is_one_word(tag: str) -> None:
    with pytest.raises(ValueError, match="no tag"):
        Keeping(CacheClass.model, (tag,))


@pytest.mark.anyio
async def test_the_relays_events_drop_and_cause_no_jobs() -> None:
    """S0-48: also when the process that wrote has died."""
    heard: list[tuple[UUID, str]] = []

    class Drops:
        def invalidate(self, tenant_id: UUID, event: str) -> None:
            heard.append((tenant_id, event))

    tenant_id, event = uuid4(), Stale(TENANT, "x", "y")

    class Happened:
        name = "user.created"

    jobs = await Invalidator(Drops()).jobs_for(event, tenant_id, [Happened()] * 3)
    assert (jobs, heard) == ((), [(tenant_id, "user.created")])


def test_redis_has_three_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    """S0-08, S1-35, R24: optional; default 0, cache 1, sessions 2."""
    for name in ("HOST", "PORT", "PASSWORD", "DB", "CACHE_DB", "SESSION_DB", "URL"):
        monkeypatch.delenv(f"REDIS_{name}", raising=False)
        monkeypatch.delenv(f"INSULA_REDIS_{name}", raising=False)
    assert Settings().redis_at(0) is None
    monkeypatch.setenv("REDIS_HOST", "cache.test")
    monkeypatch.setenv("REDIS_PASSWORD", "p@ss")
    found = Settings()
    numbers = (found.redis_db, found.redis_cache_db, found.redis_session_db)
    assert numbers == (0, 1, 2)
    assert found.redis_at(1) == "redis://:p%40ss@cache.test:6379/1"
    monkeypatch.setenv("INSULA_REDIS_URL", "rediss://:x@other.test:7000/5")
    assert Settings().redis_at(2) == "rediss://:x@other.test:7000/2"
    monkeypatch.setenv("INSULA_REDIS_URL", "unix:///tmp/redis.sock")
    with pytest.raises(ValueError, match="redis://"):
        Settings()
