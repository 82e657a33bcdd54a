"""The doorkeeper: what operators, users and contacts pass on their way in."""

from functools import cached_property
from typing import TYPE_CHECKING

from insula.kernel.foundation.secret import derive
from insula.kernel.identity.gates import Doors
from insula.kernel.identity.throttle import (
    OperatorBook,
    Rules,
    TenantBook,
    Throttle,
)
from insula.kernel.identity.throttle_rows import taking
from insula.kernel.identity.tokens import TokenAudience
from insula.kernel.services.analytics.recording import note_arrival, note_failure

if TYPE_CHECKING:
    from insula.server.platform import Platform
    from insula.server.services import Services


class Doorkeeper:
    """The gates and throttles of each realm."""

    def __init__(self, platform: "Platform", services: "Services") -> None:
        self._platform, self._services = platform, services

    def doors(self, audience: TokenAudience) -> Doors:
        """What those pass who sign in."""
        if audience is TokenAudience.operator:
            gates = (self._services.operating.gate,)
            return Doors(gates=gates, throttle=self._operators_throttle)
        if audience is TokenAudience.portal:
            return Doors(throttle=self._portal_throttle)
        return self._tenant_doors

    @cached_property
    def _tenant_doors(self) -> Doors:
        accounts = self._services.accounts
        return Doors(
            gates=(
                self._platform.networks.enter,
                *accounts.gates(),
                self._services.factors.gate,
            ),
            arrivals=(note_arrival, *accounts.arrivals()),
            throttle=self._throttle,
        )

    @cached_property
    def _throttle(self) -> Throttle:
        """What slows down whoever guesses a tenant's passwords."""
        rules = Rules.of(self._platform.settings)
        key = self._platform.key
        return Throttle(key, TenantBook(), rules, failed=(note_failure,))

    @cached_property
    def _operators_throttle(self) -> Throttle:
        it = self._platform
        return Throttle(it.key, OperatorBook(it.control), Rules.of(it.settings))

    @cached_property
    def _portal_throttle(self) -> Throttle:
        """The same for contacts: a key of its own, so that staff are not counted."""
        it = self._platform
        book = TenantBook(taking("contacts", "contact_sessions", "contact_id"))
        return Throttle(derive(it.key, "portal"), book, Rules.of(it.settings))
