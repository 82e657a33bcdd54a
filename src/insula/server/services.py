"""The services of a platform: made once, for the server, the worker and the commands."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from insula.kernel.access.actor import ActorKind
from insula.kernel.access.operation import Audience, Operation
from insula.kernel.cache.invalidation import Invalidator
from insula.kernel.database.session import Session
from insula.kernel.events.audit.sealing import ChainKeeper
from insula.kernel.events.stored import Attendant, Subscriber
from insula.kernel.events.webhooks.guard import Policy
from insula.kernel.http.admission import admit
from insula.kernel.identity.authenticate import CredentialSource, topic_of
from insula.kernel.identity.one_time import OneTimeTokens
from insula.kernel.identity.operations import SigningIn
from insula.kernel.resource.app import App
from insula.kernel.services.access.manifest import service as access
from insula.kernel.services.accounts.mails import AccountMails
from insula.kernel.services.accounts.manifest import Accounts
from insula.kernel.services.analytics.manifest import service as analytics
from insula.kernel.services.audit.manifest import service as audit
from insula.kernel.services.bulk.manifest import Bulk
from insula.kernel.services.contacts.manifest import contacts_service
from insula.kernel.services.contacts.passwords import PortalPasswords
from insula.kernel.services.custom.manifest import CustomFieldsService
from insula.kernel.services.exporting.making import Counter
from insula.kernel.services.exporting.manifest import Exporting
from insula.kernel.services.factors.manifest import Factors
from insula.kernel.services.federation.manifest import Federation
from insula.kernel.services.files.manifest import files_service
from insula.kernel.services.files.operations import file_operations
from insula.kernel.services.idempotency.manifest import service as idempotency
from insula.kernel.services.importing.manifest import Importing
from insula.kernel.services.importing.requests import Desk
from insula.kernel.services.jobs.control import retry_many
from insula.kernel.services.jobs.manifest import job_service
from insula.kernel.services.jobs.originators import Acting
from insula.kernel.services.jobs.reacting import Reactions
from insula.kernel.services.keys.manifest import service as keys
from insula.kernel.services.keys.operations import KeyOperations
from insula.kernel.services.keys.sources import PersonalTokens, TenantKeys
from insula.kernel.services.mail.operations import MailOperations
from insula.kernel.services.mail.sending import Postman
from insula.kernel.services.mcp.endpoint import Endpoint
from insula.kernel.services.mcp.manifest import mcp_operations
from insula.kernel.services.merging.manifest import Merging
from insula.kernel.services.metering.manifest import service as metering
from insula.kernel.services.metering.meter import Meter
from insula.kernel.services.notifications.manifest import service as notifications
from insula.kernel.services.oauth.manifest import Oauth
from insula.kernel.services.oauth.manifest import service as oauth
from insula.kernel.services.oauth.sources import ClientTokens
from insula.kernel.services.pages.addresses import Origins
from insula.kernel.services.pages.manifest import Pages
from insula.kernel.services.pages.signing_in import PageSignIn
from insula.kernel.services.pages.visiting import Reception
from insula.kernel.services.privacy.manifest import Privacy
from insula.kernel.services.reports.operations import Board
from insula.kernel.services.scim.manifest import scim
from insula.kernel.services.scim.manifest import service as directory
from insula.kernel.services.scim.tokens import ScimTokens
from insula.kernel.services.searching.operation import Everywhere
from insula.kernel.services.support.manifest import service as support
from insula.kernel.services.webhooks.manifest import Webhooks
from insula.server.collaboration import Collaboration
from insula.server.doorkeeper import Doorkeeper
from insula.server.operating import Operating
from insula.server.people import people_operations
from insula.server.post import make_mail_service, make_postman

if TYPE_CHECKING:
    from insula.server.platform import Platform

TENANTS = (Audience.tenant, Audience.visitor)
"""Whose operations pages are faces of."""


class Services:
    """What every tenant has, whatever its apps."""

    def __init__(self, platform: "Platform") -> None:
        self._platform = platform
        self.reactions = Reactions(self._every, self._installed)

    def _every(self) -> tuple[App, ...]:
        return tuple(self._platform.engine.apps.values())

    async def _installed(self, tenant_id: UUID) -> frozenset[str]:
        tenant = await self._platform.directory.with_id(tenant_id)
        apps = tenant.apps.items()
        return frozenset(name for name, status in apps if status == "active")

    @cached_property
    def apps(self) -> tuple[App, ...]:
        """All of them, as the engine wants them."""
        return (
            access,
            self.accounts.service,
            analytics,
            audit,
            self.bulk.service,
            *self.collaboration.apps,
            directory,
            self.factors.service,
            self.federation.service,
            contacts_service(
                lambda: self.portal_passwords, lambda: self._platform.identity
            ),
            self.custom.service,
            files_service(self._platform.files),
            idempotency,
            self.importing.service,
            self.exporting.service,
            job_service(self._every, self.reactions),
            keys,
            make_mail_service(self.postman),
            self.merging.service,
            metering,
            notifications,
            oauth,
            self.privacy.service,
            support,
            self.webhooks.service,
        )

    @cached_property
    def importing(self) -> Importing:
        """Who brings files into resources."""
        it = self._platform
        return Importing(Desk(lambda: it.engine, it.files, it.languages, admit))

    @cached_property
    def exporting(self) -> Exporting:
        """Who makes files of lists."""
        it = self._platform
        return Exporting(Counter(lambda: it.engine, it.files, admit))

    @cached_property
    def collaboration(self) -> Collaboration:
        """Who keeps what people hang on rows."""
        return Collaboration(lambda: self._platform.engine)

    @cached_property
    def mcp(self) -> Endpoint:
        """Where programs of artificial intelligence find what they may do."""
        return Endpoint(admit)

    @cached_property
    def meter(self) -> Meter:
        """Who counts the requests of this process for their tenants."""
        return Meter(self._open)

    async def _open(self, tenant_id: UUID) -> Session:
        tenant = await self._platform.directory.with_id(tenant_id)
        return self._platform.open_session(tenant.home, tenant_id)

    @cached_property
    def postman(self) -> Postman:
        """Who takes mails to the transport."""
        it = self._platform
        return make_postman(it.settings, it.sealer, it.control, it.apps)

    @cached_property
    def webhooks(self) -> Webhooks:
        """Who tells others of events."""
        it = self._platform
        policy = Policy.of(it.settings)
        return Webhooks(it.sealer, policy, lambda: it.engine)

    @cached_property
    def privacy(self) -> Privacy:
        """Who knows what is kept of people."""
        it = self._platform
        return Privacy(
            it.homes,
            it.control,
            it.sealer,
            it.files,
            engine=lambda: it.engine,
            forget=self._forget,
        )

    @cached_property
    def custom(self) -> CustomFieldsService:
        """Who lets tenants add fields of their own."""
        return CustomFieldsService(lambda: self._platform.engine)

    @cached_property
    def bulk(self) -> Bulk:
        """Who writes many rows at once."""
        it = self._platform
        return Bulk(lambda: it.engine, lambda: it.languages)

    @cached_property
    def merging(self) -> Merging:
        """Who makes one row of two."""
        return Merging(lambda: self._platform.engine)

    @cached_property
    def origins(self) -> Origins:
        """Where tenants' pages are; without TLS on a developer's machine."""
        settings = self._platform.settings
        return Origins(None if settings.env == "production" else settings.port)

    @cached_property
    def accounts(self) -> Accounts:
        """Who knows how people come in, and what they are called."""
        it = self._platform
        return Accounts(
            AccountMails(it.sealer, self.one_time, self.origins),
            it.key,
            it.files,
            engine=lambda: it.engine,
            identity=lambda: it.identity,
            authenticator=lambda: it.authenticator,
        )

    @cached_property
    def portal_passwords(self) -> PortalPasswords:
        """Who lets people of the portal choose theirs."""
        it = self._platform
        return PortalPasswords(
            it.engine, it.identity, self.one_time, it.sealer, self.origins
        )

    @cached_property
    def factors(self) -> Factors:
        """Who knows people's second factors."""
        it = self._platform
        return Factors(
            it.key,
            it.sealer,
            self.origins,
            lambda: it.identity,
            lambda: it.engine,
        )

    @cached_property
    def federation(self) -> Federation:
        """Who signs people in with providers elsewhere."""
        it = self._platform
        policy = Policy.of(it.settings)
        return Federation(it.key, it.sealer, policy, it.cache, lambda: it.engine)

    def _forget(self, tenant_id: UUID, person: UUID) -> None:
        self._platform.cache.flush(tenant_id)
        self._platform.bus.announce(topic_of(person))

    @cached_property
    def tenant_keys(self) -> TenantKeys:
        """Who knows the keys of tenants."""
        return TenantKeys(self._platform.key)

    @cached_property
    def personal_tokens(self) -> PersonalTokens:
        """Who knows the tokens of users."""
        return PersonalTokens(self._platform.key, self._platform.authenticator.user)

    @cached_property
    def client_tokens(self) -> ClientTokens:
        """Who knows the tokens of programs that act by themselves."""
        return ClientTokens(self._platform.key)

    def credentials(self) -> tuple[CredentialSource, ...]:
        """Who knows the credentials that are no access tokens."""
        it = self._platform
        return (
            it.identity.cookies,
            self.operating.support.passes,
            self.tenant_keys,
            self.personal_tokens,
            self.client_tokens,
            ScimTokens(it.key),
        )

    @property
    def acting(self) -> Mapping[tuple[ActorKind, str], Acting]:
        """Who knows what may be done later with a credential that was believed once."""
        return {
            (ActorKind.api_key, "api_key"): self.tenant_keys.acting,
            (ActorKind.user, "api_key"): self.personal_tokens.acting,
            (ActorKind.api_key, "oauth"): self.client_tokens.acting,
            (ActorKind.user, "session"): self._platform.authenticator.in_session,
        }

    @cached_property
    def operating(self) -> Operating:
        """What operators have."""
        return Operating(self._platform)

    @cached_property
    def one_time(self) -> OneTimeTokens:
        """Who makes what mails carry."""
        return OneTimeTokens(self._platform.key)

    @cached_property
    def doorkeeper(self) -> Doorkeeper:
        """What those pass who sign in."""
        return Doorkeeper(self._platform, self)

    def operations(self) -> tuple[Operation, ...]:
        """What their resources do not offer by themselves."""
        it = self._platform
        return (
            *file_operations(it.files, it.engine),
            *self.accounts.operations(),
            *self.importing.operations(),
            *self.exporting.operations(),
            *self.bulk.operations(),
            *self.collaboration.operations(),
            *self.custom.operations(),
            *self.merging.operations(),
            retry_many(it.engine),
            Everywhere(lambda: it.engine, admit).operation(),
            *Board(lambda: it.engine, it.languages, admit).operations(),
            *MailOperations(it.engine, it.sealer).operations(),
            *mcp_operations(self.mcp),
            *self.privacy.operations(),
            *self.factors.operations(),
            *self.operating.operations(),
            *people_operations(it, self.one_time),
            *self.webhooks.operations(),
            *KeyOperations(it.engine, it.key, it.bus.announce).operations(),
            *self._oauth.operations(),
            *self.federation.operations(it.identity, self.one_time),
            *scim(it.engine, it.identity, ScimTokens(it.key), it.bus.announce),
        )

    @property
    def _oauth(self) -> Oauth:
        """Who lets programs act for people."""
        it = self._platform
        return Oauth(
            it.key,
            it.engine,
            it.identity,
            it.authenticator,
            it.bus.announce,
            self._reception,
            self._page_sign_in,
            ClientTokens(it.key),
        )

    def pages(self, every: Iterable[Operation]) -> tuple[Operation, ...]:
        """What people see in a browser, over what tenants' hosts answer."""
        deeds = {it.name: it for it in every if it.audience in TENANTS}
        return Pages(self._reception, self._page_sign_in, deeds).operations()

    @property
    def _reception(self) -> Reception:
        """Who receives people at pages."""
        return Reception(self._platform.authenticator, self._platform.languages)

    @property
    def _page_sign_in(self) -> PageSignIn:
        """Who lets people in at pages."""
        steps = self.factors.operations()
        second = next(step.run for step in steps if step.name == "auth.second_factor")
        identity = self._platform.identity
        return PageSignIn(identity, SigningIn(identity.users).login, second)

    def subscribers(self) -> tuple[Subscriber, ...]:
        """For whom events cause jobs."""
        invalidator = Invalidator(self._platform.cache)
        feeder = self.collaboration.timeline.feeder
        return (invalidator, feeder, self.reactions, self.webhooks.subscriber)

    def attendants(self) -> tuple[Attendant, ...]:
        """What else a relay does in its turn with a tenant."""
        return (ChainKeeper(),)

    async def close(self) -> None:
        """Close what they have opened."""
        if "webhooks" in self.__dict__:
            await self.webhooks.close()
        if "federation" in self.__dict__:
            await self.federation.close()
        if "postman" in self.__dict__:
            await self.postman.transport.close()
