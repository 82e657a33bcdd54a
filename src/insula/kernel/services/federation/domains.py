"""Domains: proved to be the tenant's by a TXT record, before any provider speaks for them."""

import hmac
from collections.abc import Awaitable, Callable, Sequence

import dns.asyncresolver
import dns.exception
import dns.resolver

from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.words import Words
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.federation.models import IdentityDomain
from insula.kernel.services.federation.problems import (
    DomainUnproved,
    ProviderUnreachable,
)

PREFIX = "_insula-challenge"
VALUE = "insula-domain-verification="
PATIENCE = 5.0
"""Seconds that DNS may take."""

LookUp = Callable[[str], Awaitable[Sequence[str]]]
"""The TXT records of a name."""

domains = Resource(
    IdentityDomain,
    kernel=True,
    filters=(IdentityDomain.name,),
    without=("create", "update", "delete"),  # offered with a proof of who asks
)


async def txt_records(name: str) -> Sequence[str]:
    """What DNS says at this moment; nothing is no fault."""
    try:
        found = await dns.asyncresolver.resolve(name, "TXT", lifetime=PATIENCE)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except dns.exception.DNSException:
        reason = Words("its DNS does not answer")
        raise ProviderUnreachable(reason=reason) from None
    texts = (b"".join(record.strings) for record in found)
    return [it.decode("ascii", "replace") for it in texts]


async def prove(
    domain: IdentityDomain, records: Sequence[str], clock: Clock
) -> IdentityDomain:
    """Take a domain for proved if its challenge is among these records."""
    if not any(
        hmac.compare_digest(it.strip().encode(), domain.challenge.encode())
        for it in records
    ):
        raise DomainUnproved(record=record_of(domain.name))
    domain.verified_at = clock()
    return domain


def record_of(name: str) -> str:
    """Where the challenge of a domain is to be."""
    return f"{PREFIX}.{name}"


async def lock(ctx: WorkContext, domain: IdentityDomain) -> IdentityDomain:
    """The domain as it is now, for as long as the work lasts."""
    return await ctx.lock(IdentityDomain, domain.id)
