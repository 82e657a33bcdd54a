"""Networks: a tenant says from where its people come, and cannot lock itself out."""

import timeit
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]  # it has no types

from insula.kernel.access.context import Context
from insula.kernel.access.networks import (
    GeoDatabaseUnusable,
    NetworkNotAllowed,
    Networks,
    open_countries,
)
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.database.home import Home, Isolation, Login
from insula.kernel.foundation.errors import Invalid
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.policy import SecurityPolicy
from insula.kernel.tenancy.tenant import Tenant

LOGIN = Login("127.0.0.1", 5432, "insula", "nobody", "none")
HOME = Home(uuid7(), Isolation.shared, "shared", LOGIN)
OFFICE = SecurityPolicy(networks=("203.0.113.0/24", "2001:db8::/32"))
GERMAN, FRENCH, JAPANESE = "192.0.2.1", "198.51.100.1", "2001:db8:f::1"


async def _run(_: Context, __: Call) -> Reply:
    return Reply()


def operation(audience: Audience = Audience.tenant, **more: Any) -> Operation:
    """Something that can be asked for."""
    return Operation(
        name="x", method="GET", path="/x", run=_run, summary="x", audience=audience,
        **more,
    )  # fmt: skip


def tenant(policy: SecurityPolicy) -> Tenant:
    """A tenant with a policy."""
    return Tenant(
        uuid7(), "t", "T", State.active, "t.test", HOME, None, {}, policy=policy
    )


def passes(
    networks: Networks, whose: Tenant, client: str, asked: Operation | None = None
) -> bool:
    """Whether a request from there is let in."""
    try:
        networks.check(asked or operation(), whose, client)
    except NetworkNotAllowed:
        return False
    return True


@pytest.fixture(scope="module")
def countries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of three countries, in MaxMind's format."""
    path = tmp_path_factory.mktemp("geo") / "countries.mmdb"
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True)
    for network, code in (
        ("192.0.2.0/24", "DE"),
        ("198.51.100.0/24", "FR"),
        ("2001:db8:f::/48", "JP"),
    ):
        writer.insert_network(IPSet([network]), {"country": {"iso_code": code}})
    writer.to_db_file(str(path))
    return path


def test_a_list_of_networks_lets_in_who_is_on_it() -> None:
    """S2-100: by address, IPv4 and IPv6; without a list, everybody."""
    networks, ours = Networks(), tenant(OFFICE)
    for client, wanted in (
        ("203.0.113.7", True),
        ("2001:db8:1::5", True),
        ("203.0.114.7", False),
        ("::1", False),
        ("", False),
        ("not an address", False),
    ):
        assert passes(networks, ours, client) is wanted, client
    assert passes(networks, tenant(SecurityPolicy()), "")


def test_a_list_of_networks_binds_the_tenants_own_people() -> None:
    """S2-100: and whoever signs in to become one; visitors come from anywhere."""
    networks, ours = Networks(), tenant(OFFICE)
    away = "198.51.100.1"
    assert not passes(networks, ours, away, operation(Audience.tenant))
    assert not passes(networks, ours, away, operation(Audience.visitor, limit="login"))
    assert not passes(networks, ours, away, operation(Audience.visitor, limit="auth"))
    assert passes(networks, ours, away, operation(Audience.visitor))
    assert passes(networks, ours, away, operation(Audience.portal))


def test_countries_are_let_in_or_kept_out(countries: Path) -> None:
    """S2-100: for everybody, visitors too; where nobody knows, only a list of those
    who may keeps out."""
    networks = Networks(open_countries(countries))
    allowed = tenant(SecurityPolicy(countries_allowed=("DE", "JP")))
    blocked = tenant(SecurityPolicy(countries_blocked=("FR",)))
    found = {
        it: (passes(networks, allowed, it), passes(networks, blocked, it))
        for it in (GERMAN, FRENCH, JAPANESE, "10.1.2.3", "")
    }
    assert found == {
        GERMAN: (True, True),
        FRENCH: (False, False),
        JAPANESE: (True, True),
        "10.1.2.3": (False, True),
        "": (False, True),
    }
    assert not passes(networks, blocked, FRENCH, operation(Audience.visitor))


def test_a_new_policy_counts_at_once() -> None:
    """S2-100: a verdict is kept for the policy by which it was made."""
    networks, ours = Networks(), tenant(SecurityPolicy(networks=("192.0.2.0/24",)))
    assert not passes(networks, ours, "203.0.113.7")
    opened = Tenant(**{name: getattr(ours, name) for name in ours.__slots__})
    object.__setattr__(opened, "policy", OFFICE)
    assert passes(networks, opened, "203.0.113.7")
    assert not passes(networks, ours, "203.0.113.7")


def test_nobody_locks_themselves_out(countries: Path) -> None:
    """S2-100: a list without the address of who saves it is refused."""
    networks = Networks(open_countries(countries))
    networks.validate(OFFICE, "203.0.113.7")
    networks.validate(SecurityPolicy(countries_blocked=("FR",)), GERMAN)
    for policy, client, field in (
        (OFFICE, "198.51.100.1", "networks"),
        (OFFICE, "", "networks"),
        (SecurityPolicy(countries_allowed=("FR",)), GERMAN, "countries_allowed"),
        (SecurityPolicy(countries_blocked=("DE",)), GERMAN, "countries_blocked"),
    ):
        with pytest.raises(Invalid) as caught:
            networks.validate(policy, client)
        assert [it.field for it in caught.value.fields] == [field]
        assert caught.value.fields[0].code == "locks_you_out"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("networks", ("203.0.113.0/33",), "invalid"),
        ("networks", ("example.com",), "invalid"),
        ("networks", ("",), "invalid"),
        ("networks", ("10.0.0.0/8",) * 501, "too_many"),
        ("countries_allowed", ("Germany",), "invalid"),
        ("countries_blocked", ("de",), "invalid"),
        ("countries_blocked", ("Ä1",), "invalid"),
    ],
)
def test_lists_that_mean_nothing_are_refused(
    countries: Path, field: str, value: tuple[str, ...], code: str
) -> None:
    """S2-100."""
    networks = Networks(open_countries(countries))
    with pytest.raises(Invalid) as caught:
        networks.validate(SecurityPolicy(**{field: value}), GERMAN)  # type: ignore[arg-type]  # one of several
    assert [(it.field, it.code) for it in caught.value.fields] == [(field, code)]


def test_without_a_database_countries_cannot_be_chosen(tmp_path: Path) -> None:
    """S2-100: rather than let everybody in, or nobody."""
    for field in ("countries_allowed", "countries_blocked"):
        with pytest.raises(Invalid) as caught:
            Networks().validate(SecurityPolicy(**{field: ("DE",)}), GERMAN)  # type: ignore[arg-type]  # one of two
        assert caught.value.fields[0].code == "unavailable"
    assert open_countries(None) is None
    nonsense = tmp_path / "nonsense.mmdb"
    nonsense.write_bytes(b"nothing of the kind")
    for path in (nonsense, tmp_path / "missing.mmdb"):
        with pytest.raises(GeoDatabaseUnusable):
            open_countries(path)


def test_a_verdict_that_is_known_costs_next_to_nothing() -> None:
    """S2-100: it is asked for with every request."""
    networks, ours, asked = Networks(), tenant(OFFICE), operation()
    plain = dict.fromkeys(range(1000), 0)

    def look() -> None:
        for key in range(100):
            plain[key] += 1

    def check() -> None:
        networks.check(asked, ours, "203.0.113.7")

    mine = min(timeit.repeat(check, number=2000, repeat=5)) / 2000
    assert mine < min(timeit.repeat(look, number=200, repeat=5)) / 200
