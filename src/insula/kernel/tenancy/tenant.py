"""A tenant as requests see it: who it is, where it lives, what it may use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from insula.kernel.database.home import Home
from insula.kernel.foundation.currencies import USUAL
from insula.kernel.tenancy.models import State, SubscriptionStatus
from insula.kernel.tenancy.policy import DEFAULT, SecurityPolicy


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organisation that lives here; a snapshot, kept while its epoch holds."""

    id: UUID
    slug: str
    name: str
    state: State
    domain: str
    home: Home
    subscription: SubscriptionStatus | None
    apps: Mapping[str, str]
    limits: Mapping[str, Any] = field(default_factory=dict)
    """What its plan allows of anything that plans limit."""
    features: Mapping[str, Any] | None = None
    """What its plan has beyond the apps; None without a plan."""
    zone: str | None = None
    """The name of its time zone; without one it lives in UTC."""
    currency: str = USUAL
    """In which it counts what other currencies come to."""
    policy: SecurityPolicy = DEFAULT
    """How it lets people in."""
