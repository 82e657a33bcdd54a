"""Networks: from where a tenant lets requests come, by address and by country.

Addresses bind the tenant's own people; countries bind everybody, its visitors too.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Operation
from insula.kernel.foundation.errors import Denied, FieldError, Invalid
from insula.kernel.foundation.words import Words
from insula.kernel.tenancy.policy import SecurityPolicy
from insula.kernel.tenancy.tenant import Tenant

MOST = 50_000
"""Verdicts that are kept."""
MOST_ENTRIES = 500
"""Blocks that a list may have."""
PREFIX_V6 = 64
"""Bits of an IPv6 address that tell one subscriber from another."""
SIGN_IN = ("login", "auth")
"""Operations of visitors behind which somebody becomes one of the tenant's people."""

CountryOf = Callable[[str], str | None]
"""The country of an address, in two capitals; None where nobody knows."""


Verdict = tuple[SecurityPolicy, bool, bool]
"""By which policy, whether the address is on its list, and the country let in."""


class Entering(Protocol):
    """Somebody about to be let in."""

    @property
    def ctx(self) -> Context:
        """The context of their request."""


class NetworkNotAllowed(Denied):
    """Your organisation does not let requests come from this network."""

    code = "NETWORK_NOT_ALLOWED"


class GeoDatabaseUnusable(RuntimeError):
    """The file of ``INSULA_GEO_DATABASE`` cannot be read; the message says why."""


@lru_cache(maxsize=8192)
def network_of(client: str) -> str:
    """What is counted as one client: IPv4 whole, IPv6 by its /64, "" for neither."""
    try:
        address = ip_address(client)
    except ValueError:
        return ""
    if address.version == 4:
        return client
    bits = 128 - PREFIX_V6
    return f"{IPv6Address(int(address) >> bits << bits)}/{PREFIX_V6}"


def open_countries(path: Path | None) -> CountryOf | None:
    """The countries of a file in MaxMind's format; None without one.

    Raises ``GeoDatabaseUnusable``.
    """
    if path is None:
        return None
    try:
        reader: Any = import_module("maxminddb").open_database(str(path))
    except ImportError:
        raise GeoDatabaseUnusable("install insula[geo], which reads it") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise GeoDatabaseUnusable(f"{path}: {error}") from error

    def country_of(client: str) -> str | None:
        with suppress(ValueError):
            found = reader.get(client)
            if isinstance(found, dict):
                country = found.get("country") or found.get("registered_country")
                return country.get("iso_code") if isinstance(country, dict) else None
        return None

    return country_of


class Networks:
    """Judges where requests come from; a verdict is kept while its policy stands."""

    def __init__(self, country_of: CountryOf | None = None) -> None:
        self._country_of = country_of
        self._known: dict[tuple[UUID, str], Verdict] = {}

    def check(self, operation: Operation, tenant: Tenant, client: str) -> None:
        """Raise ``NetworkNotAllowed`` for what the tenant's policy does not let in."""
        policy = tenant.policy
        if not (
            policy.networks or policy.countries_allowed or policy.countries_blocked
        ):
            return
        _, near, here = self._judge(tenant.id, policy, client)
        own = operation.audience is Audience.tenant or operation.limit in SIGN_IN
        if not here or (own and not near):
            raise NetworkNotAllowed

    async def enter(self, entry: Entering) -> None:
        """Raise ``NetworkNotAllowed`` for somebody who signs in from elsewhere.

        However they prove who they are, and whatever the operation says of itself.
        """
        ctx = entry.ctx
        _, near, here = self._judge(ctx.tenant.id, ctx.tenant.policy, ctx.client)
        if not (near and here):
            raise NetworkNotAllowed

    def validate(self, policy: SecurityPolicy, client: str) -> None:
        """Refuse lists that mean nothing, or would lock out who is saving them."""
        wrong = tuple(self._faults(policy))
        if not wrong and not self._near(policy, client):
            told: str = Words(
                "The list must contain your own address, {address}.",
                address=client or "?",
            )
            wrong = (FieldError("networks", "locks_you_out", told),)
        if not wrong and not self._here(policy, client):
            field = "countries_allowed" if policy.countries_allowed else None
            told = "You would lock yourself out: this is not where you are."
            field = field or "countries_blocked"
            wrong = (FieldError(field, "locks_you_out", told),)
        if wrong:
            raise Invalid(*wrong)

    def _judge(self, tenant_id: UUID, policy: SecurityPolicy, client: str) -> Verdict:
        place = tenant_id, client
        known = self._known.get(place)
        if known is None or known[0] is not policy:
            if len(self._known) >= MOST:
                self._known.clear()
            known = policy, self._near(policy, client), self._here(policy, client)
            self._known[place] = known
        return known

    def _near(self, policy: SecurityPolicy, client: str) -> bool:
        """Whether the address is on the list, if there is one."""
        if not policy.networks:
            return True
        try:
            address = ip_address(client)
        except ValueError:
            return False
        return any(address in ip_network(it, strict=False) for it in policy.networks)

    def _here(self, policy: SecurityPolicy, client: str) -> bool:
        """Whether the country is one that is let in; an unknown one is never allowed."""
        if not (policy.countries_allowed or policy.countries_blocked):
            return True
        country = None if self._country_of is None else self._country_of(client)
        if policy.countries_allowed and country not in policy.countries_allowed:
            return False
        return country not in policy.countries_blocked

    def _faults(self, policy: SecurityPolicy) -> Iterator[FieldError]:
        if len(policy.networks) > MOST_ENTRIES:
            told: str = Words(
                "At most {most} networks can be listed.", most=MOST_ENTRIES
            )
            yield FieldError("networks", "too_many", told)
        for cidr in policy.networks:
            try:
                ip_network(cidr, strict=False)
            except ValueError:
                told = "Each network is written as 203.0.113.0/24 or 2001:db8::/32."
                yield FieldError("networks", "invalid", told)
                break
        for field in ("countries_allowed", "countries_blocked"):
            listed: tuple[str, ...] = getattr(policy, field)
            if listed and self._country_of is None:
                told = "This installation has no database of countries."
                yield FieldError(field, "unavailable", told)
            elif not all(map(_is_country, listed)):
                told = "Each country is written as two capitals, such as DE."
                yield FieldError(field, "invalid", told)


def _is_country(code: str) -> bool:
    return len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()
