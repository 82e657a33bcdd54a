"""The services of a platform: made once, for the server, the worker and the commands."""

from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from insula.kernel.access.operation import Operation
from insula.kernel.cache.invalidation import Invalidator
from insula.kernel.database.session import Session
from insula.kernel.events.audit.sealing import ChainKeeper
from insula.kernel.events.stored import Attendant, Subscriber
from insula.kernel.events.webhooks.guard import Policy
from insula.kernel.identity.authenticate import topic_of
from insula.kernel.resource.app import App
from insula.kernel.services.audit.manifest import service as audit
from insula.kernel.services.files.manifest import files_service
from insula.kernel.services.files.operations import file_operations
from insula.kernel.services.jobs.control import retry_many
from insula.kernel.services.jobs.manifest import job_service
from insula.kernel.services.jobs.reacting import Reactions
from insula.kernel.services.mail.operations import MailOperations
from insula.kernel.services.mail.sending import Postman
from insula.kernel.services.metering.manifest import service as metering
from insula.kernel.services.metering.meter import Meter
from insula.kernel.services.notifications.manifest import service as notifications
from insula.kernel.services.privacy.manifest import Privacy
from insula.kernel.services.webhooks.manifest import Webhooks
from insula.server.post import make_mail_service, make_postman

if TYPE_CHECKING:
    from insula.server.platform import Platform


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
            audit,
            files_service(self._platform.files),
            job_service(self._every, self.reactions),
            make_mail_service(self.postman),
            metering,
            notifications,
            self.privacy.service,
            self.webhooks.service,
        )

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

    def _forget(self, tenant_id: UUID, person: UUID) -> None:
        self._platform.cache.flush(tenant_id)
        self._platform.bus.announce(topic_of(person))

    def operations(self) -> tuple[Operation, ...]:
        """What their resources do not offer by themselves."""
        it = self._platform
        return (
            *file_operations(it.files, it.engine),
            retry_many(it.engine),
            *MailOperations(it.engine, it.sealer).operations(),
            *self.privacy.operations(),
            *self.webhooks.operations(),
        )

    def subscribers(self) -> tuple[Subscriber, ...]:
        """For whom events cause jobs."""
        invalidator = Invalidator(self._platform.cache)
        return (invalidator, self.reactions, self.webhooks.subscriber)

    def attendants(self) -> tuple[Attendant, ...]:
        """What else a relay does in its turn with a tenant."""
        return (ChainKeeper(),)

    async def close(self) -> None:
        """Close what they have opened."""
        if "webhooks" in self.__dict__:
            await self.webhooks.close()
        if "postman" in self.__dict__:
            await self.postman.transport.close()
