"""Managing: who sets up a tenant's providers and proves its domains."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import msgspec
from pydantic import BaseModel, Field, create_model

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi, row_id, tag
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import values_of
from insula.kernel.services.access.granting import check_roles
from insula.kernel.services.federation.commands import NewSecret
from insula.kernel.services.federation.domains import VALUE, LookUp, prove, record_of
from insula.kernel.services.federation.kinds import check_kind
from insula.kernel.services.federation.models import (
    IdentityDomain,
    IdentityProvider,
    Preset,
)
from insula.kernel.services.federation.providers import PLACE

GOOGLE = "https://accounts.google.com"
MICROSOFT = re.compile(
    r"https://login\.microsoftonline\.com/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/v2\.0"
)
"""One directory: `common` would let in whoever has any."""


@dataclass(frozen=True, slots=True)
class Managing:
    """Providers and domains, as those see them who may change them."""

    engine: Engine
    sealer: Sealer
    look_up: LookUp
    clock: Clock = now

    @property
    def providers(self) -> ResourceApi:
        """The rows of providers."""
        return self.engine.api("identity_providers")

    @property
    def domains(self) -> ResourceApi:
        """The rows of domains."""
        return self.engine.api("identity_domains")

    def new_provider(self) -> type[BaseModel]:
        """What a provider is made with: its fields, and the secret that none shows."""
        return create_model(
            "IdentityProviderNew",
            __base__=self.providers.create_body,
            __module__=__name__,
            client_secret=(str | None, Field(default=None, max_length=2000)),
        )

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Set up a provider."""
        asked = dict(call.body.__dict__)
        secret = asked.pop("client_secret")
        check_kind(asked, secret=secret is not None)
        await self._check(ctx, asked)
        provider = IdentityProvider(**asked, secret=self._sealed(ctx, secret))
        async with self.engine.work(ctx) as work:
            await work.add(provider)
        return _shown(self.providers, provider, status=201)

    async def change(self, ctx: Context, call: Call) -> Reply:
        """Change a provider."""
        # What is not there is not checked either.
        present = msgspec.json.decode((await self.providers.get(ctx, call)).data)
        sent = call.body.model_fields_set
        asked = {k: v for k, v in call.body.__dict__.items() if k in sent}
        check_kind({**present, **asked}, secret=False)
        await self._check(ctx, asked)
        return await self.providers.patch(ctx, call)

    async def set_secret(self, ctx: Context, call: Call) -> Reply:
        """Keep another secret for a provider."""
        body: NewSecret = call.body
        async with self.engine.work(ctx) as work:
            provider = await work.lock(IdentityProvider, row_id(call))
            provider.secret = self._sealed(ctx, body.client_secret)
        return _shown(self.providers, provider)

    async def remove(self, ctx: Context, call: Call) -> Reply:
        """Remove a provider: nobody signs in with it any more."""
        return await self.providers.delete(ctx, call)

    async def claim(self, ctx: Context, call: Call) -> Reply:
        """Claim a domain; the answer says which TXT record proves it."""
        domain = IdentityDomain(
            name=call.body.name, challenge=f"{VALUE}{token_hex(20)}"
        )
        async with self.engine.work(ctx) as work:
            await work.add(domain)
        return self._domain(domain, status=201)

    async def verify(self, ctx: Context, call: Call) -> Reply:
        """Look for a domain's TXT record, and take the domain for proved."""
        key = row_id(call)
        async with self.engine.work(ctx) as work:
            named = (await work.get(IdentityDomain, key)).name
        records = await self.look_up(record_of(named))  # in no transaction
        async with self.engine.work(ctx) as work:
            domain = await work.lock(IdentityDomain, key)
            await prove(domain, records, self.clock)
        return self._domain(domain)

    async def release(self, ctx: Context, call: Call) -> Reply:
        """Let go of a domain: no provider speaks for it any more."""
        return await self.domains.delete(ctx, call)

    async def _check(self, ctx: Context, asked: dict[str, Any]) -> None:
        """Refuse what a preset does not have, and roles beyond one's own."""
        roles = asked.get("roles") or ()
        await check_roles(ctx.session, self.engine.roles, ctx.actor, roles)
        preset, issuer = asked.get("preset"), asked.get("issuer")
        right = {
            Preset.google: issuer == GOOGLE,
            Preset.microsoft: bool(issuer and MICROSOFT.fullmatch(issuer)),
        }
        if preset is not None and not right.get(preset, True):
            said = Words("It is not an issuer of {preset}.", preset=preset.value)
            raise Invalid(FieldError("issuer", "issuer_invalid", said))

    def _sealed(self, ctx: Context, secret: str | None) -> str | None:
        if secret is None:
            return None
        return self.sealer.seal(ctx.tenant.id, PLACE, secret.encode())

    def _domain(self, domain: IdentityDomain, *, status: int = 200) -> Reply:
        extra = {"record": record_of(domain.name)}
        return _shown(self.domains, domain, extra, status=status)


def _shown(
    api: ResourceApi,
    row: IdentityProvider | IdentityDomain,
    more: Mapping[str, object] | None = None,
    *,
    status: int = 200,
) -> Reply:
    shown = msgspec.json.decode(api.writer.encode(values_of(row, api.writer)))
    body = msgspec.json.encode({**shown, **(more or {})})
    location = f"{api.resource.address}/{row.id}" if status == 201 else None
    return Reply(body, status=status, etag=tag(row.version), location=location)
