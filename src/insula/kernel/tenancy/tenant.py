"""A tenant as requests see it: who it is, where it lives, what it may use."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.database.home import Home
from insula.kernel.tenancy.models import State, SubscriptionStatus


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
