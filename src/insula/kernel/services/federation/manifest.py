"""Federation: people of a tenant sign in with its own identity providers (S3-65)."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import httpx2

from insula.kernel.access.operation import Operation
from insula.kernel.cache.front import Cache
from insula.kernel.events.webhooks.guard import Policy, guarded_client
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.identity.one_time import OneTimeTokens
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine
from insula.kernel.services.federation.documents import Documents
from insula.kernel.services.federation.domains import LookUp, domains, txt_records
from insula.kernel.services.federation.exchange import Exchange
from insula.kernel.services.federation.flow import Flow
from insula.kernel.services.federation.linking import Linking
from insula.kernel.services.federation.managing import Managing
from insula.kernel.services.federation.operations import (
    managing_operations,
    saml_operations,
    sign_in_operations,
)
from insula.kernel.services.federation.providers import providers
from insula.kernel.services.federation.saml.signing_in import SamlSignIn
from insula.kernel.services.federation.signing_in import ProviderSignIn


class Federation:
    """The service of one process: ``engine`` is asked for once all apps are known."""

    def __init__(
        self,
        key: bytes,
        sealer: Sealer,
        policy: Policy,
        cache: Cache,
        engine: Callable[[], Engine],
        *,
        look_up: LookUp = txt_records,
    ) -> None:
        self._key, self._sealer, self._cache = key, sealer, cache
        self._engine, self.policy, self.look_up = engine, policy, look_up

    @cached_property
    def client(self) -> httpx2.AsyncClient:
        """What asks providers, made when it is first needed."""
        return guarded_client(self.policy)

    @cached_property
    def service(self) -> App:
        """The service as the engine wants it."""
        return App(
            name="federation",
            title="Single sign-on",
            version="1.0.0",
            folder=Path(__file__).parent,
            always=True,
            resources=(providers, domains),
        )

    def operations(
        self, identity: Identity, one_time: OneTimeTokens
    ) -> tuple[Operation, ...]:
        """Signing in, and setting up."""
        documents = Documents(lambda: self.client, lambda: self.policy, self._cache)
        exchange = Exchange(documents)
        flow = Flow(self._key, self._sealer, lambda: one_time, exchange)
        signing_in = ProviderSignIn(flow, Linking(self._engine), identity)
        managing = Managing(self._engine(), self._sealer, lambda it: self.look_up(it))
        return (
            *sign_in_operations(signing_in),
            *saml_operations(SamlSignIn(lambda: one_time, signing_in)),
            *managing_operations(managing),
        )

    async def close(self) -> None:
        """Close what asks, if it was made."""
        if "client" in self.__dict__:
            await self.client.aclose()
