"""Webhooks: every tenant can be told elsewhere of what happens here."""

import random
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import httpx2

from insula.kernel.access.operation import Operation
from insula.kernel.events.webhooks.guard import Policy, guarded_client
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.jobs.models import Queue
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.notification import NotificationKind, Wish
from insula.kernel.resource.tasks import Chunked, Errand, Reaction, Task
from insula.kernel.services.notifications.notifying import telling
from insula.kernel.services.webhooks.delivering import Courier, Deliver
from insula.kernel.services.webhooks.endpoints import (
    WebhookEndpointDisabled,
    deliveries,
    endpoints,
    failures,
)
from insula.kernel.services.webhooks.flow import DELIVER, WAKE
from insula.kernel.services.webhooks.keys import Keys
from insula.kernel.services.webhooks.operations import WebhookOperations
from insula.kernel.services.webhooks.settling import Ledger
from insula.kernel.services.webhooks.subscribing import WebhookSubscriber
from insula.kernel.services.webhooks.upkeep import REPLAY, ReplayRange, Upkeep, Wake
from insula.kernel.services.webhooks.visibility import Visibility

TIMEOUT = 30.0
"""Seconds for an attempt with all that surrounds it; the request itself has fifteen."""

DISABLED = NotificationKind(
    "webhooks.endpoint_disabled",
    {
        "en": "A webhook endpoint was disabled",
        "de": "Ein Webhook-Endpunkt wurde abgeschaltet",
        "ar": "تم تعطيل نقطة استقبال ويب هوك",
    },
    Wish(mail=True),
)
TELL = telling(
    DISABLED,
    roles=("owner", "admin"),
    title=DISABLED.titles,
    body={
        "en": "It is sent nothing any more ({reason}).",
        "de": "Er erhält nichts mehr ({reason}).",
        "ar": "لن يُرسل إليها شيء بعد الآن ({reason}).",
    },
    link=lambda event: f"/webhook-endpoints/{event.data['endpoint_id']}",
)


class Webhooks:
    """The service of one process: ``engine`` is asked for once all apps are known."""

    def __init__(
        self,
        sealer: Sealer,
        policy: Policy,
        engine: Callable[[], Engine],
        *,
        clock: Clock = now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.policy = policy
        self._engine, self._clock = engine, clock
        self._keys, self._visibility = Keys(sealer), Visibility(engine)
        self.subscriber = WebhookSubscriber(self._visibility, clock)
        self.courier = Courier(
            self._keys,
            self._visibility,
            Ledger(clock, chance),
            lambda: self.client,
            clock,
        )
        self._upkeep = Upkeep(clock)

    @cached_property
    def client(self) -> httpx2.AsyncClient:
        """What sends, made when it is first needed."""
        return guarded_client(self.policy)

    @cached_property
    def service(self) -> App:
        """The service as the engine wants it."""
        return App(
            name="webhooks",
            title="Webhooks",
            version="1.0.0",
            folder=Path(__file__).parent,
            always=True,
            resources=(endpoints, deliveries, failures),
            events=(WebhookEndpointDisabled,),
            notifications=(DISABLED,),
            reactions=(Reaction(WebhookEndpointDisabled.name, TELL, "tell"),),
            tasks=self._tasks(),
            schedules=(Schedule("tidy", timedelta(minutes=15), run=self._upkeep.tidy),),
        )

    def operations(self) -> tuple[Operation, ...]:
        """What the resources do not offer by themselves."""
        own = WebhookOperations(self._engine(), self._keys, self._clock)
        return own.operations()

    async def close(self) -> None:
        """Close what sends, if it was made."""
        if "client" in self.__dict__:
            await self.client.aclose()

    def _tasks(self) -> tuple[Task, ...]:
        courier, upkeep = self.courier, self._upkeep
        return (
            Errand(
                name=DELIVER,
                command=Deliver,
                queue=Queue.webhooks,
                timeout=TIMEOUT,
                prepare=courier.prepare,
                perform=courier.perform,
                run=courier.settle,
                on_dead=courier.bury,
            ),
            Task(name=WAKE, command=Wake, queue=Queue.webhooks, run=upkeep.wake),
            Chunked(
                name=REPLAY,
                command=ReplayRange,
                queue=Queue.webhooks,
                run=upkeep.replay,
            ),
        )
