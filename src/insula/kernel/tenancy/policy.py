"""The security policy of a tenant: at hand in every request, without a query."""

from typing import Literal

import msgspec

from insula.kernel.database.pool import Record


class SecurityPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """How a tenant lets people in; what it does not say is as it is here."""

    verify: Literal["before_login", "grace", "off"] = "before_login"
    """Whether an address must be proved before its owner signs in (R32)."""
    grace_days: int = 7
    registration: Literal["closed", "invited", "open"] = "invited"
    registration_domains: tuple[str, ...] = ()
    """Domains whose addresses may register themselves; none: any."""
    registration_roles: tuple[str, ...] = ("member",)
    mfa: Literal["optional", "required"] = "optional"
    methods: tuple[str, ...] = ("password", "magic_link", "passkey", "oidc", "saml")
    """How people may sign in."""
    networks: tuple[str, ...] = ()
    """CIDR blocks from which requests may come; none: anywhere."""
    countries_allowed: tuple[str, ...] = ()
    countries_blocked: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    """Origins of pages elsewhere whose scripts may call this tenant's API."""
    linking: bool = True
    """Whether its users may link their accounts here with theirs elsewhere (R06)."""
    locale: str = "en"
    mcp: bool = False
    """Whether programs of artificial intelligence are let in at ``/mcp``."""


DEFAULT = SecurityPolicy()
_decode = msgspec.json.Decoder(SecurityPolicy).decode


def policy_of(row: Record) -> SecurityPolicy:
    """The policy that a tenant's row keeps."""
    kept = row["security"]
    return DEFAULT if kept in (None, "{}", b"{}") else _decode(kept)
